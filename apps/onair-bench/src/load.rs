//! Players of HLS and DASH.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::plan::{Live, Plan, Times};
use crate::report::Report;
use crate::swarm::{Seen, Swarm};
use crate::url::Url;
use crate::viewer::{Mode, Viewer};
use crate::{dash, player};

/// What the players read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Playlists.
    Hls,
    /// An MPD.
    Dash,
}

/// What to do to a server.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many viewers there are, and for how long.
    pub plan: Plan,
    /// What they read.
    pub format: Format,
    /// How they follow the stream.
    pub mode: Mode,
    /// Addresses of playlists or MPDs; viewers are spread over them.
    pub urls: Vec<Url>,
    /// Ask for packed playlists, as browsers do.
    pub gzip: bool,
}

impl Load {
    /// Does it, and says what was seen.
    pub fn run(&self) -> io::Result<Report> {
        let load = self.clone();
        let measured = self.plan.run(move |thread, times, live| load.work(thread, times, live))?;
        Ok(Report::new(self, measured))
    }

    fn work(&self, thread: usize, times: Times, live: &Live) -> io::Result<Seen> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.saturating_sub(times.start.elapsed()).as_millis()).unwrap_or(0);
        match self.format {
            Format::Hls => self.swarm(thread, times, live, |url, at| player::Player::new(self.mode, url, at)),
            Format::Dash => self.swarm(thread, times, live, |url, at| dash::Player::new(self.mode, url, at, wall_ms)),
        }
    }

    fn swarm<V: Viewer>(
        &self,
        thread: usize,
        times: Times,
        live: &Live,
        player: impl Fn(Url, Duration) -> V,
    ) -> io::Result<Seen> {
        let url = |viewer: usize| self.urls.get(viewer % self.urls.len().max(1)).cloned();
        let mine = self.plan.of_thread(thread);
        let players = mine.filter_map(|viewer| Some(player(url(viewer)?, self.plan.comes_at(viewer)))).collect();
        Swarm::new(players, times, self.gzip)?.run(live)
    }
}
