//! The rules of live playlists over hundreds of consecutive reloads of real streams (H6–H36).

use std::thread;
use std::time::{Duration, Instant};

use testkit::ffmpeg::{Audio, Source, Video};
use testkit::playlist::Media;
use testkit::rules::{Rendition, faults, step_faults};
use testkit::server::resolve;
use testkit::{Server, alone, http};

use crate::server;

const RELOADS: usize = 300;

#[test]
fn no_rule_breaks_over_three_hundred_reloads() {
    let _alone = alone();
    let server = server(&[]);
    let video = Video::default();
    let bframes = Video { bframes: 3, ..video };
    let long = Video { gop: 300, ..video };
    let slow = Video { rate: 5.0, gop: 10, ..video };
    let cd = Some(Audio { rate_hz: 44_100, channels: 2 });
    let streams = [
        ("live/av", Source { video: Some(video), ..Source::default() }, &['v', 'a'][..]),
        ("live/b", Source { video: Some(bframes), audio: cd, ..Source::default() }, &['v', 'a']),
        ("live/long", Source { video: Some(long), ..Source::default() }, &['v', 'a']),
        ("live/slow", Source { video: Some(slow), ..Source::default() }, &['v', 'a']),
        ("live/sound", Source { video: None, audio: cd, ..Source::default() }, &['a']),
    ];
    let publishers: Vec<_> = streams.iter().map(|(path, source, _)| source.publish(&server.rtmp_url(path))).collect();
    let broken: Vec<String> = thread::scope(|scope| {
        let mut readers = Vec::new();
        for (path, source, kinds) in &streams {
            for kind in *kinds {
                let server = &server;
                readers.push(scope.spawn(move || follow(server, path, *kind, source)));
            }
        }
        readers.into_iter().flat_map(|reader| reader.join().expect("a reader")).collect()
    });
    drop(publishers);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Follows one playlist by blocking reloads, and says what broke, each sentence once.
fn follow(server: &Server, path: &str, kind: char, source: &Source) -> Vec<String> {
    let name = server.name(path, kind);
    let list = format!("/hls/{path}/{name}.m3u8");
    let (rendition, frame) = match &source.video {
        Some(video) if kind == 'v' => (Rendition::Video, 1.0 / video.rate),
        _ => (Rendition::Audio, 1024.0 / 44_100.0),
    };
    let mut broken = Vec::new();
    let mut old = Media::parse(&server.text(&list));
    let deadline = Instant::now() + Duration::from_secs(75);
    for round in 0..RELOADS {
        if Instant::now() > deadline {
            break; // slow sources have longer parts
        }
        let (msn, part) = old.edge();
        let skip = if round % 3 == 0 { "&_HLS_skip=YES" } else { "" };
        let asked = Instant::now();
        let reply = http::get(server.http, &format!("{list}?_HLS_msn={msn}&_HLS_part={part}{skip}"));
        if reply.status != 200 {
            broken.push(format!("H30: {} for {msn}.{part}", reply.status));
            break;
        }
        let sent = Media::parse(&reply.text());
        broken.extend(faults(&sent, rendition, frame));
        let new = if sent.skipped > 0 { sent.onto(&old) } else { sent };
        broken.extend(step_faults(&old, &new));
        if new.edge() <= old.edge() {
            broken.push(format!("H30: asked for {msn}.{part}, sent {:?}", new.edge()));
        }
        let waited = asked.elapsed().as_secs_f64();
        if waited > 1.5 * f64::from(new.target) {
            broken.push(format!("H9: nothing new for {waited:.1} s"));
        }
        if round % 10 == 0 {
            broken.extend(check_hint(server, &list, &new));
        }
        old = new;
    }
    broken.extend(check_window(&old));
    broken.extend(check_directives(server, &list));
    broken.sort();
    broken.dedup();
    broken.truncate(20);
    broken.into_iter().map(|fault| format!("{path}/{name}: {fault}")).collect()
}

/// H26, H27, H25: a hinted part blocks, comes whole, and is the part listed later.
fn check_hint(server: &Server, list: &str, now: &Media) -> Vec<String> {
    let Some((_, uri)) = now.hints.iter().find(|(kind, _)| kind == "PART") else { return Vec::new() };
    let reply = http::get(server.http, &resolve(list, uri));
    // A hint may be cancelled by a segment that ends early: a prompt 404.
    if reply.status != 200 && reply.status != 404 {
        return vec![format!("H27: {} for hinted {uri}", reply.status)];
    }
    if reply.status == 200 && reply.header("cache-control").is_none_or(|cache| !cache.contains("immutable")) {
        return vec!["H38: a part that is not immutable".into()];
    }
    Vec::new()
}

/// H9: enough to go back to, once the stream has run long enough.
fn check_window(list: &Media) -> Vec<String> {
    let listed: f64 = list.segments.iter().map(|segment| segment.duration).sum();
    let wide = listed >= 3.0 * f64::from(list.target) && list.segments.len() >= 6;
    if wide { Vec::new() } else { vec![format!("H9: {} segments, {listed:.1} s", list.segments.len())] }
}

/// H31–H34: directives that ask for too much, too little or nonsense.
fn check_directives(server: &Server, list: &str) -> Vec<String> {
    let now = Media::parse(&server.text(list));
    let (msn, parts) = now.edge();
    let mut broken = Vec::new();
    let mut expect = |rule: &str, query: String, status: u16, within_s: f64| {
        let asked = Instant::now();
        let reply = http::get(server.http, &format!("{list}?{query}"));
        let waited = asked.elapsed().as_secs_f64();
        if reply.status != status || waited > within_s {
            broken.push(format!("{rule}: {query} with the edge at {msn}.{parts}: {} in {waited:.2} s", reply.status));
        }
    };
    let target = f64::from(now.target);
    expect("H31", format!("_HLS_msn={}&_HLS_part=5000", msn - 1), 200, 1.5 * target);
    expect("H32", "_HLS_msn=0".into(), 200, 0.5);
    expect("H33", format!("_HLS_msn={}", msn + 4), 400, 0.5);
    expect("H34", "_HLS_part=1".into(), 400, 0.5);
    for nonsense in ["-1", "x", "18446744073709551616", "1.5", ""] {
        expect("H34", format!("_HLS_msn={nonsense}"), 400, 0.5);
    }
    expect("H37", "_HLS_other=1".into(), 200, 0.5);
    broken
}
