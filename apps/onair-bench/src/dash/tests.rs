//! Viewers in virtual time. The viewer's zero is 1 000 000 s after 1970, and the broadcast's 10 s before that.

use std::sync::Arc;
use std::time::Duration;

use super::fragments::tests::init;
use super::{Mpd, Player};
use crate::url::Url;
use crate::viewer::{Fate, Kind, Mode, Reply, Request, Viewer};

const MS: Duration = Duration::from_millis(1);
const WALL_MS: i64 = 1_000_000_000;
const ZERO: &str = "1970-01-12T13:46:30Z";

/// Segments of two seconds, of pictures and sound, asked for up to 1.8 s early.
fn numbered(latency: &str, timing: &str) -> String {
    let template = r#"<SegmentTemplate timescale="1000" duration="2000" startNumber="100" initialization="$RepresentationID$.mp4"
        media="$RepresentationID$.$Number$.m4s" availabilityTimeOffset="1.8" availabilityTimeComplete="false"/>"#;
    format!(
        r#"<MPD type="dynamic" availabilityStartTime="{ZERO}" minimumUpdatePeriod="PT2S" suggestedPresentationDelay="PT2S">
        <ServiceDescription id="0">{latency}</ServiceDescription>
        <Period start="PT0S"><BaseURL>../../media/</BaseURL>
          <AdaptationSet contentType="video">{template}<Representation id="low" bandwidth="1"/>
            <Representation id="v" bandwidth="2"/></AdaptationSet>
          <AdaptationSet contentType="audio">{template}<Representation id="a" bandwidth="1"/></AdaptationSet>
        </Period>{timing}</MPD>"#
    )
}

/// Whole segments of pictures by time, from so many milliseconds on.
fn listed(start_ms: u64, count: u64) -> String {
    let repeat = count - 1;
    format!(
        r#"<MPD type="dynamic" availabilityStartTime="{ZERO}" minimumUpdatePeriod="PT2S"><Period><AdaptationSet mimeType="video/mp4">
        <SegmentTemplate timescale="1000" media="$Time$.m4s"><SegmentTimeline><S t="{start_ms}" d="2000" r="{repeat}"/></SegmentTimeline>
        </SegmentTemplate><Representation id="v" bandwidth="2"/></AdaptationSet></Period></MPD>"#
    )
}

const LATENCY: &str = r#"<Latency target="1200"/>"#;

fn player(mode: Mode) -> Player {
    Player::new(mode, Url::parse("http://s/dash/x/m.mpd").unwrap(), Duration::ZERO, WALL_MS)
}

fn document(text: &str) -> Reply<Mpd> {
    Reply::Document(Arc::new(Mpd::parse(text).unwrap()), None)
}

/// Answers all that is asked for at that moment, but for segments that are not complete: those stay under way.
fn serve(player: &mut Player, now: Duration, mpd: &str, open: &mut Vec<Request>) -> Vec<String> {
    let mut asked = Vec::new();
    while let Some(request) = player.poll(now) {
        asked.push(request.url.target.to_string());
        match request.kind {
            Kind::Manifest => player.done(now, &request, document(mpd)),
            Kind::Clock => player.done(now, &request, Reply::Failed),
            Kind::Init => player.done(now, &request, Reply::Body(init(1000), None)),
            Kind::Open => open.push(request),
            _ => player.done(now, &request, Reply::Media),
        }
    }
    asked
}

/// Goes from deadline to deadline, and says when what was asked for. Media comes when it is due; segments in the making
/// from `stuck` on do not.
fn live(
    player: &mut Player,
    until: Duration,
    mpd: impl Fn(Duration) -> String,
    stuck: Duration,
) -> Vec<(u128, String)> {
    let (mut now, mut open, mut log) = (Duration::ZERO, Vec::<Request>::new(), Vec::new());
    while now <= until {
        log.extend(serve(player, now, &mpd(now), &mut open).into_iter().map(|target| (now.as_millis(), target)));
        let ended = |request: &Request| request.end_ms.unwrap() - WALL_MS <= now.as_millis() as i64;
        for request in open.extract_if(.., |request| now < stuck && ended(request)).collect::<Vec<_>>() {
            player.done(now, &request, Reply::Media);
        }
        if now < stuck && now.as_millis() % 200 == 0 {
            open.iter().for_each(|request| player.came(now, request, 0.2));
        }
        let next = player.deadline().unwrap_or(until).max(now + MS);
        now = next.min(Duration::from_millis((now.as_millis() as u64 / 200 + 1) * 200));
    }
    log
}

fn times(log: &[(u128, String)], wanted: &str) -> Vec<u128> {
    log.iter().filter(|(_, target)| target == wanted).map(|(at, _)| *at).collect()
}

#[test]
fn a_segment_is_asked_for_as_soon_as_a_part_of_it_is_there() {
    let mut player = player(Mode::LowLatency);
    let log = live(&mut player, 5000 * MS, |_| numbered(LATENCY, ""), Duration::MAX);
    // 1.2 s behind 10 s lies in the fifth segment, and the sixth has just begun: it can be had from 10.2 s on.
    let pictures: Vec<_> = log.iter().filter(|(_, target)| target.starts_with("/media/v")).collect();
    let wanted = [(0, "v.mp4"), (0, "v.104.m4s"), (200, "v.105.m4s"), (2200, "v.106.m4s"), (4200, "v.107.m4s")];
    let wanted: Vec<_> = wanted.map(|(at, name)| (at, format!("/media/{name}"))).to_vec();
    assert_eq!(pictures, wanted.iter().collect::<Vec<_>>());
    assert_eq!(times(&log, "/media/a.105.m4s"), [200], "sound goes by the same clock");
    assert_eq!(times(&log, "/dash/x/m.mpd"), [0, 2000, 4000]);
    assert_eq!(player.fate(5000 * MS), Fate { playing: true, ..Fate::default() });
}

#[test]
fn a_viewer_of_whole_segments_stays_three_behind_and_waits_for_their_end() {
    let mut player = player(Mode::Plain);
    let log = live(&mut player, 5000 * MS, |_| numbered(LATENCY, ""), Duration::MAX);
    for (number, at) in [(102, 0), (103, 0), (104, 0), (105, 2000), (106, 4000)] {
        assert_eq!(times(&log, &format!("/media/v.{number}.m4s")), [at], "{number}");
    }
    assert_eq!(player.fate(5000 * MS), Fate { playing: true, ..Fate::default() });
}

#[test]
fn media_that_stops_coming_within_a_segment_is_a_stall() {
    let mut player = player(Mode::LowLatency);
    live(&mut player, 5000 * MS, |_| numbered(LATENCY, ""), 3000 * MS);
    // The newest that came, at 2.8 s, was made until then; it is shown 1.2 s later, and there the picture stands.
    let fate = player.fate(5000 * MS);
    assert_eq!(fate.stalls, 1);
    assert!((700 * MS..1300 * MS).contains(&fate.stalled), "{fate:?}");
}

#[test]
fn a_timeline_is_followed_by_asking_for_the_mpd_again() {
    let mut player = player(Mode::LowLatency);
    let log = live(&mut player, 5000 * MS, |now| listed(0, 5 + now.as_millis() as u64 / 2000), Duration::MAX);
    let segments: Vec<_> = log.iter().filter(|(_, target)| target.ends_with("m4s")).cloned().collect();
    let wanted = [(0, 4000), (0, 6000), (0, 8000), (2000, 10_000), (4000, 12_000)];
    assert_eq!(segments, wanted.map(|(at, time)| (at, format!("/dash/x/{time}.m4s"))));
    assert_eq!(player.fate(5000 * MS), Fate { playing: true, ..Fate::default() });
}

#[test]
fn a_server_that_is_late_by_the_clock_is_followed_three_segments_behind() {
    let mut player = player(Mode::Plain);
    let log = live(&mut player, MS, |_| listed(0, 2), Duration::MAX);
    assert_eq!(times(&log, "/dash/x/0.m4s"), [0]);
    let mut player = self::player(Mode::Plain);
    let log = live(&mut player, MS, |_| listed(100_000, 7), Duration::MAX);
    assert_eq!(log.len(), 8, "and one that is early is taken at its word: {log:?}");
}

/// As after a publisher's return: another period, and another init.
#[test]
fn one_period_follows_the_other() {
    let period = |id: u32, start: f64, first: u32, end: &str| {
        format!(
            r#"<Period start="PT{start}S"{end}><AdaptationSet contentType="video"><SegmentTemplate timescale="1000" duration="2000"
            startNumber="{first}" initialization="i{id}.mp4" media="$Number$.m4s" presentationTimeOffset="77000"/>
            <Representation id="v" bandwidth="2"/></AdaptationSet></Period>"#
        )
    };
    let mpd = format!(
        r#"<MPD type="dynamic" availabilityStartTime="{ZERO}">{}{}</MPD>"#,
        period(0, 0.0, 10, r#" duration="PT7S""#),
        period(1, 9.0, 20, "")
    );
    let mut player = player(Mode::Plain);
    let log = live(&mut player, 3000 * MS, |_| mpd.clone(), Duration::MAX);
    let names: Vec<_> = log.iter().map(|(at, target)| (*at, target.trim_start_matches("/dash/x/"))).collect();
    let wanted = [(0, "m.mpd"), (0, "i0.mp4"), (0, "12.m4s"), (0, "13.m4s"), (1000, "i1.mp4"), (1000, "20.m4s")];
    assert_eq!(names[..6], wanted);
    assert_eq!(names[6..], [(3000, "21.m4s")]);
}

#[test]
fn segments_come_by_the_servers_clock() {
    // The server's clock is ten seconds ahead of ours.
    let ahead = |reply: Reply<Mpd>, timing: &str| {
        let mut player = player(Mode::Plain);
        let first = player.poll(Duration::ZERO).unwrap();
        let Reply::Document(mpd, date) = document(&numbered(LATENCY, timing)) else { unreachable!() };
        player.done(Duration::ZERO, &first, Reply::Document(mpd, date.or(Some(WALL_MS + 10_000))));
        if !timing.is_empty() {
            let clock = player.poll(Duration::ZERO).unwrap();
            assert_eq!((&*clock.url.target, clock.kind), ("/time", Kind::Clock));
            assert!(player.poll(Duration::ZERO).is_none(), "nothing else can be asked for");
            player.done(100 * MS, &clock, reply);
        }
        let mut open = Vec::new();
        serve(&mut player, 100 * MS, &numbered(LATENCY, timing), &mut open);
        // The end of the newest whole segment, from our zero on.
        player.deadline().unwrap()
    };
    let body = |text: &str| Reply::Body(text.into(), None);
    let xsdate = r#"<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="/time"/>"#;
    let head = r#"<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="/time"/>"#;
    // Half of the 100 ms are the way back.
    assert_eq!(ahead(body("1970-01-12T13:46:50.550Z"), xsdate), 1500 * MS);
    assert_eq!(ahead(Reply::Body(Vec::new(), Some(WALL_MS + 10_000)), head), 2000 * MS, "Date, 100 ms ago");
    assert_eq!(ahead(Reply::Failed, xsdate), 2000 * MS, "the MPD's own Date");
    assert_eq!(ahead(Reply::Failed, ""), 2000 * MS);
}

#[test]
fn what_is_over_is_fetched_half_a_minute_ahead() {
    let mpd = listed(0, 100).replace("dynamic", "static");
    let mut player = player(Mode::LowLatency);
    let log = live(&mut player, 10_000 * MS, |_| mpd.clone(), Duration::MAX);
    assert_eq!(times(&log, "/dash/x/0.m4s"), [0]);
    let last = log.last().unwrap();
    assert_eq!((last.0, &*last.1), (10_000, "/dash/x/40000.m4s"));
}

#[test]
fn who_is_refused_asks_again_after_a_second_and_a_segment_that_is_missing_is_left_out() {
    let mut player = player(Mode::Plain);
    let first = player.poll(Duration::ZERO).unwrap();
    player.done(Duration::ZERO, &first, Reply::Failed);
    assert!(player.poll(999 * MS).is_none());
    let first = player.poll(1000 * MS).unwrap();
    player.done(1000 * MS, &first, document(&listed(0, 5)));
    let segment = player.poll(1000 * MS).unwrap();
    player.done(1000 * MS, &segment, Reply::Failed);
    let next = player.poll(1000 * MS).unwrap();
    assert_eq!((&*segment.url.target, &*next.url.target), ("/dash/x/4000.m4s", "/dash/x/6000.m4s"));
}

/// What the server's own packager says, as its tests hold it.
#[test]
fn the_manifests_of_our_own_server_are_understood() {
    let snapshot = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/package/src/dash/snapshots");
        let text = std::fs::read_to_string(format!("{folder}/onair_package__dash__tests__{name}.snap")).unwrap();
        text[text.find("<?xml").unwrap()..].to_owned()
    };
    // Their zero is 03:15:00 that day.
    let player_at = |secs: i64| {
        let url = Url::parse("http://s/dash/live/alice/manifest.mpd").unwrap();
        Player::new(Mode::LowLatency, url, Duration::ZERO, 1_795_230_900_000 + secs * 1000)
    };
    let (even, uneven) = (snapshot("an_even_broadcast_is_numbered"), snapshot("an_uneven_broadcast_gets_a_timeline"));

    let (mut player, mut open) = (player_at(8), Vec::new());
    let asked = serve(&mut player, Duration::ZERO, &even, &mut open);
    let base = "/media/live/alice/tqa1b0";
    let segments: Vec<_> = [("v0", 903), ("a2", 903)].map(|(name, n)| format!("{base}/{name}.91230{n}.m4s")).to_vec();
    assert_eq!(asked[..2], ["/dash/live/alice/manifest.mpd", "/api/v1/time"]);
    assert!(segments.iter().all(|segment| asked.contains(segment)), "{asked:?}");
    assert!(asked.contains(&format!("{base}/v0.i0.mp4")));
    serve(&mut player, 200 * MS, &even, &mut open);
    let newest: Vec<_> = open.iter().map(|request| (&*request.url.target, request.end_ms)).collect();
    assert_eq!(newest[0], (&*format!("{base}/v0.91230904.m4s"), Some(1_795_230_910_000)));
    assert!(open.iter().all(|request| request.timing.is_some()));

    let (mut player, mut open) = (player_at(20), Vec::new());
    let asked = serve(&mut player, Duration::ZERO, &uneven, &mut open);
    assert!(asked.contains(&format!("{base}/v0.91230907.m4s")), "{asked:?}");
    assert_eq!(open[0].end_ms, Some(1_795_230_900_000 + 20_100));
}
