//! One viewer of DASH.

use std::sync::Arc;
use std::time::Duration;

use super::clock::ServerClock;
use super::fragments::Timing;
use super::mpd::Mpd;
use super::segments::{Media, Segment};
use crate::buffer::Buffer;
use crate::url::Url;
use crate::viewer::{Fate, Kind, Mode, RETRY, Reply, Request, Viewer};

/// The shortest time between two looks at the MPD, whatever it asks for.
const SHORTEST_UPDATE: f64 = 0.5;
/// No more than that is fetched ahead of what is shown, of what is not live.
const AHEAD: Duration = Duration::from_secs(30);

/// One viewer: of the dearest pictures and the dearest sound.
#[derive(Debug)]
pub struct Player {
    mode: Mode,
    url: Url,
    /// When to ask for the MPD; `None` while it is asked for, or if it stays as it is.
    ask_at: Option<Duration>,
    asked: Duration,
    mpd: Option<Arc<Mpd>>,
    clock: ServerClock,
    tracks: Vec<Track>,
}

impl Player {
    /// A viewer who comes at `start_at`, on a machine whose clock says `wall_ms` since 1970 at time zero.
    pub fn new(mode: Mode, url: Url, start_at: Duration, wall_ms: i64) -> Self {
        let clock = ServerClock::new(wall_ms);
        Self { mode, url, ask_at: Some(start_at), asked: start_at, mpd: None, clock, tracks: Vec::new() }
    }

    /// An MPD came.
    fn update(&mut self, now: Duration, mpd: Arc<Mpd>, date_ms: Option<i64>) {
        self.clock.on_mpd(now, &self.url, &mpd, date_ms);
        if let Some(url) = mpd.location.as_ref().and_then(|location| self.url.join(location).ok()) {
            self.url = url;
        }
        let pause = mpd.update_secs.filter(|_| mpd.is_live).map(|secs| secs.max(SHORTEST_UPDATE));
        let pause = pause.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        self.ask_at = pause.map(|pause| self.asked.saturating_add(pause).max(now));
        for media in [Media::Video, Media::Audio] {
            let is_there = mpd.periods.iter().any(|period| period.of(media).is_some());
            if is_there && self.tracks.iter().all(|track| track.media != media) {
                self.tracks.push(Track::new(media, self.mode));
            }
        }
        if self.tracks.is_empty() {
            self.ask_at = Some(now + RETRY);
        }
        self.mpd = Some(mpd);
    }
}

impl Viewer for Player {
    type Document = Mpd;

    fn read(text: &str) -> Option<Mpd> {
        Mpd::parse(text)
    }

    fn poll(&mut self, now: Duration) -> Option<Request> {
        if self.ask_at.is_some_and(|at| at <= now) {
            (self.ask_at, self.asked) = (None, now);
            return Some(Request::new(self.url.clone(), Kind::Manifest));
        }
        if let Some(request) = self.clock.poll(now) {
            return Some(request);
        }
        let (mpd, clock_ms) = (self.mpd.as_deref()?, self.clock.zero_ms()?);
        let mut tracks = self.tracks.iter_mut().enumerate();
        tracks.find_map(|(index, track)| {
            let request = track.poll(now, &View { mpd, clock_ms, url: &self.url })?;
            Some(Request { track: Some(index), ..request })
        })
    }

    fn deadline(&self) -> Option<Duration> {
        let view = self.mpd.as_deref().zip(self.clock.zero_ms());
        let view = view.map(|(mpd, clock_ms)| View { mpd, clock_ms, url: &self.url });
        let tracks = self.tracks.iter().filter_map(|track| track.deadline(view.as_ref()?));
        tracks.chain(self.ask_at).min()
    }

    fn done(&mut self, now: Duration, request: &Request, reply: Reply<Mpd>) {
        match (request.kind, reply) {
            (Kind::Manifest, Reply::Document(mpd, date_ms)) => self.update(now, mpd, date_ms),
            (Kind::Manifest, _) => self.ask_at = Some(now + RETRY),
            (Kind::Clock, Reply::Body(body, date_ms)) => self.clock.done(now, Some((&body, date_ms))),
            (Kind::Clock, _) => self.clock.done(now, None),
            (kind, reply) => {
                let view = self.mpd.as_deref().zip(self.clock.zero_ms());
                let track = request.track.and_then(|index| self.tracks.get_mut(index));
                let Some(((mpd, clock_ms), track)) = view.zip(track) else { return };
                track.done(now, kind, reply, &View { mpd, clock_ms, url: &self.url });
            }
        }
    }

    fn came(&mut self, now: Duration, request: &Request, secs: f64) {
        if let Some(track) = request.track.and_then(|index| self.tracks.get_mut(index)) {
            track.came(now, secs);
        }
    }

    fn fate(&self, now: Duration) -> Fate {
        self.tracks.first().map_or_else(Fate::default, |track| track.buffer.fate(now))
    }
}

/// What there is, as one viewer sees it.
struct View<'a> {
    mpd: &'a Mpd,
    /// The server's clock at the viewer's time zero.
    clock_ms: i64,
    url: &'a Url,
}

impl View<'_> {
    /// Presentation time at the live edge.
    fn live_secs(&self, now: Duration) -> f64 {
        self.clock_ms.saturating_sub(self.mpd.zero_ms) as f64 / 1000.0 + now.as_secs_f64()
    }

    fn resolve(&self, segment: &Segment<'_>, template: &str) -> Option<Url> {
        let mut base = self.url.clone();
        for reference in &segment.of.bases {
            base = base.join(reference).ok()?;
        }
        base.join(&segment.of.fill(template, segment.number, segment.ticks)).ok()
    }
}

/// Pictures or sound.
#[derive(Debug)]
struct Track {
    media: Media,
    mode: Mode,
    /// Where the next segment begins, seconds of the presentation; `None` before the first.
    at: Option<f64>,
    /// The one under way, from where to where.
    fetching: Option<(f64, f64)>,
    retry_at: Option<Duration>,
    init: Option<Url>,
    timing: Option<Timing>,
    /// Until where there is media.
    filled: f64,
    /// Seconds of the segment under way that came already.
    told: f64,
    buffer: Buffer,
}

impl Track {
    fn new(media: Media, mode: Mode) -> Self {
        Self {
            media,
            mode,
            at: None,
            fetching: None,
            retry_at: None,
            init: None,
            timing: None,
            filled: 0.0,
            told: 0.0,
            buffer: Buffer::default(),
        }
    }

    fn poll(&mut self, now: Duration, view: &View<'_>) -> Option<Request> {
        self.buffer.watch(now);
        if self.at.is_none() {
            self.begin(now, view);
        }
        if self.fetching.is_some() || self.deadline_to_fetch(view)? > now {
            return None;
        }
        self.retry_at = None;
        let segment = self.next(view)?;
        if let Some(init) = segment.of.init.as_ref().and_then(|template| view.resolve(&segment, template))
            && self.init.as_ref() != Some(&init)
        {
            self.fetching = Some((segment.start, segment.start));
            self.init = Some(init.clone());
            return Some(Request::new(init, Kind::Init));
        }
        self.told = 0.0;
        self.fetching = Some((segment.start, segment.end));
        let is_open = segment.of.is_partial && view.mpd.is_live && segment.end > view.live_secs(now);
        let kind = if is_open { Kind::Open } else { Kind::Segment };
        let Some(url) = view.resolve(&segment, &segment.of.media) else {
            // No address to be had from: as good as failed.
            (self.at, self.fetching) = (Some(segment.end), None);
            self.retry_at = Some(now + RETRY);
            return None;
        };
        let (secs, end_ms) = (segment.end - segment.start, view.mpd.is_live.then(|| segment.end_ms(view.mpd)));
        Some(Request { secs, end_ms, timing: self.timing.filter(|_| is_open), ..Request::new(url, kind) })
    }

    /// Where to begin: as far behind the live edge as the MPD says, in the middle of a segment if need be.
    fn begin(&mut self, now: Duration, view: &View<'_>) {
        let mpd = view.mpd;
        let wanted = match mpd.is_live {
            true => view.live_secs(now) - mpd.delay_secs(self.media, self.mode),
            false => 0.0,
        };
        // A server whose timeline is late, or whose clock is another, shows nothing as new as that.
        let first = mpd.segment(self.media, wanted, 1.0).or_else(|| mpd.third_from_the_end(self.media));
        let Some(first) = first else { return };
        let inside = (wanted - first.start).clamp(0.0, first.end - first.start);
        self.buffer = Buffer::beginning_at(if mpd.is_live { inside } else { 0.0 });
        self.at = Some(first.start);
        self.filled = first.start;
    }

    fn next<'a>(&self, view: &View<'a>) -> Option<Segment<'a>> {
        view.mpd.segment(self.media, self.at?, 0.5)
    }

    /// From when on the next segment may be asked for.
    fn deadline_to_fetch(&self, view: &View<'_>) -> Option<Duration> {
        let available = self.next(view)?.available_at(view.mpd, self.mode, view.clock_ms);
        let full = self.buffer.dry_at().filter(|_| !view.mpd.is_live).map(|dry_at| dry_at.saturating_sub(AHEAD));
        [full, self.retry_at].into_iter().flatten().chain([available]).max()
    }

    fn deadline(&self, view: &View<'_>) -> Option<Duration> {
        let fetch = self.deadline_to_fetch(view).filter(|_| self.fetching.is_none());
        fetch.into_iter().chain(self.buffer.dry_at()).min()
    }

    fn came(&mut self, now: Duration, secs: f64) {
        let Some((start, _)) = self.fetching else { return };
        self.told += secs;
        self.fill(now, start, start + self.told, true);
    }

    fn done(&mut self, now: Duration, kind: Kind, reply: Reply<Mpd>, view: &View<'_>) {
        let Some((start, end)) = self.fetching.take() else { return };
        match (kind, reply) {
            (Kind::Init, Reply::Body(body, _)) => self.timing = Timing::of_init(&body),
            (Kind::Init, _) => (self.init, self.retry_at) = (None, Some(now + RETRY)),
            (_, reply) => {
                self.at = Some(end);
                let has_more = view.mpd.is_live && self.deadline_to_fetch(view).is_some_and(|at| at <= now);
                if matches!(reply, Reply::Media) {
                    self.fill(now, start, end, !has_more);
                }
            }
        }
    }

    /// There is media from there to there. What was left out before it is no part of the buffer.
    fn fill(&mut self, now: Duration, from: f64, until: f64, caught_up: bool) {
        self.filled = self.filled.max(from);
        let more = (until - self.filled).max(0.0);
        self.filled += more;
        self.buffer.add(now, more, caught_up);
    }
}
