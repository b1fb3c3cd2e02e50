//! One viewer of HLS.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::buffer::Buffer;
use crate::playlist::{Media, Playlist};
use crate::url::Url;
use crate::viewer::{Fate, Kind, Mode, RETRY, Reply, Request, Viewer};

/// One viewer.
#[derive(Debug)]
pub struct Player {
    mode: Mode,
    url: Url,
    tracks: Vec<Track>,
    /// When to ask for the multivariant playlist; `None` once asked.
    start_at: Option<Duration>,
}

impl Player {
    /// A viewer who comes at `start_at`.
    pub fn new(mode: Mode, url: Url, start_at: Duration) -> Self {
        Self { mode, url, tracks: Vec::new(), start_at: Some(start_at) }
    }

    /// The addresses of the media playlists to follow: the dearest variant and its first audio rendition.
    fn choose(&self, playlist: &Playlist) -> Vec<Url> {
        let Playlist::Multivariant(multivariant) = playlist else { return vec![self.url.clone()] };
        let Some(variant) = multivariant.variants.iter().max_by_key(|variant| variant.bandwidth_bps) else {
            return Vec::new();
        };
        let in_group = |group: &String| variant.audio.as_ref() == Some(group);
        let audio = multivariant.audio.iter().find(|(group, _)| in_group(group)).map(|(_, uri)| uri);
        let uris = [Some(&variant.uri), audio.filter(|uri| **uri != variant.uri)];
        uris.into_iter().flatten().filter_map(|uri| self.url.join(uri).ok()).collect()
    }
}

impl Viewer for Player {
    type Document = Playlist;

    fn read(text: &str) -> Option<Playlist> {
        Playlist::parse(text)
    }

    fn poll(&mut self, now: Duration) -> Option<Request> {
        if self.start_at.is_some_and(|at| at <= now) {
            self.start_at = None;
            return Some(Request::new(self.url.clone(), Kind::Playlist));
        }
        self.tracks.iter_mut().enumerate().find_map(|(index, track)| track.poll(index, now))
    }

    fn deadline(&self) -> Option<Duration> {
        self.tracks.iter().filter_map(Track::deadline).chain(self.start_at).min()
    }

    fn done(&mut self, now: Duration, request: &Request, reply: Reply<Playlist>) {
        if let Some(track) = request.track.and_then(|index| self.tracks.get_mut(index)) {
            return track.done(now, request, reply);
        }
        let tracks = match reply {
            Reply::Document(playlist, _) => self.choose(&playlist),
            _ => Vec::new(),
        };
        if tracks.is_empty() {
            self.start_at = Some(now + RETRY);
        }
        self.tracks = tracks.into_iter().map(|url| Track::new(self.mode, url, now)).collect();
    }

    fn fate(&self, now: Duration) -> Fate {
        self.tracks.first().map_or_else(Fate::default, |track| track.buffer.fate(now))
    }

    fn came(&mut self, _: Duration, _: &Request, _: f64) {}
}

/// One media playlist and what it lists.
#[derive(Debug)]
struct Track {
    mode: Mode,
    url: Url,
    last: Option<Arc<Playlist>>,
    /// When to reload; `None` while a reload is under way, or for ever after the end.
    reload_at: Option<Duration>,
    reloaded: Duration,
    queue: VecDeque<Request>,
    fetching: bool,
    /// The first segment, and the first part of it, that was not queued yet.
    next: Option<(u64, usize)>,
    init: Option<Arc<str>>,
    buffer: Buffer,
}

impl Track {
    fn new(mode: Mode, url: Url, now: Duration) -> Self {
        Self {
            mode,
            url,
            last: None,
            reload_at: Some(now),
            reloaded: now,
            queue: VecDeque::new(),
            fetching: false,
            next: None,
            init: None,
            buffer: Buffer::default(),
        }
    }

    fn poll(&mut self, index: usize, now: Duration) -> Option<Request> {
        self.buffer.watch(now);
        if self.reload_at.is_some_and(|at| at <= now) {
            self.reload_at = None;
            self.reloaded = now;
            return Some(self.reload(index));
        }
        if self.fetching {
            return None;
        }
        let request = self.queue.pop_front()?;
        self.fetching = true;
        Some(Request { track: Some(index), ..request })
    }

    fn deadline(&self) -> Option<Duration> {
        self.reload_at.into_iter().chain(self.buffer.dry_at()).min()
    }

    fn reload(&self, index: usize) -> Request {
        let request = |url, kind| Request { track: Some(index), ..Request::new(url, kind) };
        let Some(media) = self.media().filter(|media| self.mode == Mode::LowLatency && media.can_block) else {
            return request(self.url.clone(), Kind::Playlist);
        };
        let (msn, part) = (media.open_msn(), media.open.parts.len());
        let url = match media.part_target_secs {
            Some(_) => self.url.with_query(format_args!("_HLS_msn={msn}&_HLS_part={part}")),
            None => self.url.with_query(format_args!("_HLS_msn={msn}")),
        };
        request(url, Kind::Blocked)
    }

    fn media(&self) -> Option<&Media> {
        match self.last.as_deref() {
            Some(Playlist::Media(media)) => Some(media),
            _ => None,
        }
    }

    fn done(&mut self, now: Duration, request: &Request, reply: Reply<Playlist>) {
        match (request.kind, reply) {
            (Kind::Playlist | Kind::Blocked, Reply::Document(playlist, _)) => self.update(now, playlist),
            (Kind::Playlist | Kind::Blocked, _) => self.reload_at = Some(now + RETRY),
            (_, reply) => {
                self.fetching = false;
                if matches!(reply, Reply::Media) {
                    self.buffer.add(now, request.secs, self.queue.is_empty());
                }
            }
        }
    }

    fn update(&mut self, now: Duration, playlist: Arc<Playlist>) {
        let changed = self.last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &playlist));
        self.last = Some(playlist.clone());
        let Playlist::Media(media) = &*playlist else {
            self.reload_at = Some(now + RETRY);
            return;
        };
        if changed {
            self.enqueue(media);
        }
        let blocking = self.mode == Mode::LowLatency && media.can_block;
        let pause = Duration::from_secs_f64(media.target_secs.max(0.5) * if changed { 1.0 } else { 0.5 });
        self.reload_at = match (media.ended, blocking) {
            (true, _) => None,
            (false, true) => Some(now),
            (false, false) => Some((self.reloaded + pause).max(now)),
        };
    }

    /// Queues what is new in the playlist.
    fn enqueue(&mut self, media: &Media) {
        let next = match self.next {
            // Who fell out of the window begins again at its start.
            Some((msn, part)) if msn >= media.msn => (msn, part),
            Some(_) => (media.msn, 0),
            None => self.first(media),
        };
        let parts = self.mode == Mode::LowLatency && media.part_target_secs.is_some();
        for (msn, segment) in (media.msn..).zip(media.segments.iter().chain([&media.open])) {
            let whole = msn < media.open_msn();
            if msn < next.0 || segment.gap {
                continue;
            }
            let skip = if msn == next.0 { next.1 } else { 0 };
            if parts && (skip > 0 || !whole || !segment.parts.is_empty()) {
                let mut at = 0.0;
                for (index, part) in segment.parts.iter().enumerate() {
                    at += part.secs;
                    if index >= skip {
                        self.push(&part.uri, Kind::Part, part.secs, end_ms(segment.date_ms, at), &segment.init);
                    }
                }
            } else if whole {
                let end_ms = end_ms(segment.date_ms, segment.secs);
                self.push(&segment.uri, Kind::Segment, segment.secs, end_ms, &segment.init);
            }
        }
        self.next = Some((media.open_msn(), if parts { media.open.parts.len() } else { 0 }));
    }

    /// Where to begin: three segments from the end, or at the last independent part that is PART-HOLD-BACK from it.
    fn first(&self, media: &Media) -> (u64, usize) {
        let plain = (media.open_msn().saturating_sub(3).max(media.msn), 0);
        let Some(hold_back) = media.part_hold_back_secs.filter(|_| self.mode == Mode::LowLatency) else { return plain };
        let mut behind = 0.0;
        let numbered = (media.msn..).zip(media.segments.iter().chain([&media.open])).collect::<Vec<_>>();
        for (msn, segment) in numbered.into_iter().rev() {
            for (index, part) in segment.parts.iter().enumerate().rev() {
                behind += part.secs;
                if behind >= hold_back && part.independent {
                    return (msn, index);
                }
            }
            if segment.parts.is_empty() && msn < media.open_msn() {
                return (msn, 0);
            }
        }
        plain
    }

    fn push(&mut self, uri: &str, kind: Kind, secs: f64, end_ms: Option<i64>, init: &Option<Arc<str>>) {
        if let Some(init) = init.as_ref().filter(|init| self.init.as_ref() != Some(*init)) {
            self.init = Some(init.clone());
            let init = self.url.join(init);
            self.queue.extend(init.map(|url| Request::new(url, Kind::Init)));
        }
        let url = self.url.join(uri);
        self.queue.extend(url.map(|url| Request { secs, end_ms, ..Request::new(url, kind) }));
    }
}

fn end_ms(start_ms: Option<i64>, secs: f64) -> Option<i64> {
    start_ms.map(|start| start.saturating_add((secs * 1000.0) as i64))
}

impl Media {
    fn open_msn(&self) -> u64 {
        self.msn.saturating_add(self.segments.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn parsed(text: &str) -> Reply<Playlist> {
        Reply::Document(Arc::new(Playlist::parse(text).unwrap()), None)
    }

    fn media(first: u64, count: u64) -> Reply<Playlist> {
        let lines: String = (first..first + count).map(|msn| format!("#EXTINF:2.0,\nv0.{msn}.ts\n")).collect();
        parsed(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n{lines}"))
    }

    fn low_latency(parts: usize) -> Reply<Playlist> {
        let part = |msn: u64, n: usize| {
            let independent = if n == 0 { ",INDEPENDENT=YES" } else { "" };
            format!("#EXT-X-PART:DURATION=0.5,URI=\"v0.{msn}.{n}.m4s\"{independent}\n")
        };
        let whole: String = (0..4).map(|n| part(8, n)).collect();
        let open: String = (0..parts).map(|n| part(9, n)).collect();
        parsed(&format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:7\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-MAP:URI=\"i.mp4\"\n\
             #EXTINF:2.0,\nv0.7.m4s\n{whole}#EXTINF:2.0,\nv0.8.m4s\n{open}"
        ))
    }

    fn url() -> Url {
        Url::parse("http://a/hls/x/index.m3u8").unwrap()
    }

    fn wants(player: &mut Player, now: Duration) -> Vec<Request> {
        std::iter::from_fn(|| player.poll(now)).collect()
    }

    fn targets(requests: &[Request]) -> Vec<&str> {
        requests.iter().map(|request| &*request.url.target).collect()
    }

    /// Answers everything that is asked for with media, and the playlists by `playlist`, until nothing is.
    fn serve(player: &mut Player, now: Duration, playlist: impl Fn() -> Reply<Playlist>) -> Vec<String> {
        let mut asked = Vec::new();
        for _ in 0..20 {
            for request in wants(player, now) {
                asked.push(request.url.target.to_string());
                match request.kind {
                    Kind::Playlist => player.done(now, &request, playlist()),
                    Kind::Blocked => {}
                    _ => player.done(now, &request, Reply::Media),
                }
            }
        }
        asked
    }

    #[test]
    fn a_plain_viewer_begins_three_segments_from_the_end_and_reloads_each_target_duration() {
        let mut player = Player::new(Mode::Plain, url(), 5 * MS);
        assert!(player.poll(4 * MS).is_none());
        assert_eq!(player.deadline(), Some(5 * MS));
        let asked = serve(&mut player, 5 * MS, || media(10, 6));
        assert_eq!(asked[2..], ["/hls/x/v0.13.ts", "/hls/x/v0.14.ts", "/hls/x/v0.15.ts"]);

        assert_eq!(player.deadline(), Some(2005 * MS));
        let asked = serve(&mut player, 2005 * MS, || media(11, 6));
        assert_eq!(asked, ["/hls/x/index.m3u8", "/hls/x/v0.16.ts"]);
        assert_eq!(player.fate(2005 * MS), Fate { playing: true, ..Fate::default() });
    }

    #[test]
    fn a_buffer_that_runs_dry_is_a_stall() {
        let mut player = Player::new(Mode::Plain, url(), Duration::ZERO);
        serve(&mut player, Duration::ZERO, || media(10, 6));
        serve(&mut player, 7000 * MS, || media(13, 6));
        let fate = player.fate(8000 * MS);
        assert_eq!((fate.stalls, fate.stalled), (1, 1000 * MS));
    }

    #[test]
    fn a_low_latency_viewer_begins_at_an_independent_part_and_always_has_a_reload_under_way() {
        let mut player = Player::new(Mode::LowLatency, url(), Duration::ZERO);
        let asked = serve(&mut player, Duration::ZERO, || low_latency(2));
        assert_eq!(asked[1], "/hls/x/index.m3u8");
        assert_eq!(asked[2], "/hls/x/index.m3u8?_HLS_msn=9&_HLS_part=2");
        assert_eq!(asked[3..5], ["/hls/x/i.mp4", "/hls/x/v0.8.0.m4s"]);
        assert_eq!(asked.last().unwrap(), "/hls/x/v0.9.1.m4s");

        let blocked = Request { track: Some(0), ..Request::new(url(), Kind::Blocked) };
        player.done(500 * MS, &blocked, low_latency(3));
        assert_eq!(
            targets(&wants(&mut player, 500 * MS)),
            ["/hls/x/index.m3u8?_HLS_msn=9&_HLS_part=3", "/hls/x/v0.9.2.m4s"]
        );
    }

    #[test]
    fn sound_of_its_own_is_a_second_track() {
        let mut player = Player::new(Mode::Plain, url(), Duration::ZERO);
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a0.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO=\"a\"\nv0.m3u8\n";
        let first = player.poll(Duration::ZERO).unwrap();
        player.done(Duration::ZERO, &first, parsed(text));
        assert_eq!(targets(&wants(&mut player, Duration::ZERO)), ["/hls/x/v0.m3u8", "/hls/x/a0.m3u8"]);
    }

    #[test]
    fn who_is_refused_asks_again_after_a_second() {
        let mut player = Player::new(Mode::Plain, url(), Duration::ZERO);
        let first = player.poll(Duration::ZERO).unwrap();
        player.done(Duration::ZERO, &first, Reply::Failed);
        assert!(player.poll(999 * MS).is_none());
        assert!(player.poll(1000 * MS).is_some());
    }
}
