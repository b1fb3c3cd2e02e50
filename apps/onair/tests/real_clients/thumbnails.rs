//! Stills of what real encoders send, as home pages and messengers ask for them.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use testkit::ffmpeg::modern;
use testkit::{Server, http};

use crate::codecs::{PICTURE, SVT, VP9, X264, X265, publish};
use crate::server;

/// Width and height of a JPEG, from its frame header.
fn size(jpeg: &[u8]) -> (u16, u16) {
    assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]), "no JPEG");
    let mut at = 2;
    loop {
        let word = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
        // SOF0: baseline.
        if word(at) == 0xffc0 {
            return (word(at + 7), word(at + 5));
        }
        at += 2 + usize::from(word(at + 2));
    }
}

fn await_still(server: &Server, path: &str) -> http::Reply {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reply = http::get(server.http, &format!("/thumbnail/{path}.jpg"));
        if reply.status == 200 {
            return reply;
        }
        assert!(Instant::now() < deadline, "{path}: {} {}", reply.status, reply.text());
        thread::sleep(Duration::from_millis(300));
    }
}

/// VP8, which no encoder sends by RTMP, is tested at the worker.
#[test]
fn every_codec_of_pictures_has_a_still() {
    let Some(ffmpeg) = modern() else { return };
    let server = server(&[]);
    for (name, video) in [("h264", X264), ("hevc", X265), ("av1", SVT), ("vp9", VP9)] {
        let path = format!("live/{name}");
        let _publisher = publish(&ffmpeg, &format!("{PICTURE} -an {video}"), &server.rtmp_url(&path));
        let still = await_still(&server, &path);
        assert_eq!((size(&still.body), still.header("content-type")), ((320, 180), Some("image/jpeg")), "{name}");
    }
}

#[test]
fn many_who_ask_share_a_still() {
    let server = server(&[]);
    let source = testkit::ffmpeg::Source {
        video: Some(testkit::ffmpeg::Video { width: 1280, height: 720, gop: 15, ..Default::default() }),
        ..Default::default()
    };
    let _publisher = source.publish(&server.rtmp_url("live/busy"));
    let first = await_still(&server, "live/busy");
    assert_eq!(size(&first.body), (640, 360), "as large as a page needs, no larger");
    let before = server.metric("onair_stills_total", "made");
    let begin = Instant::now();
    let tags = thread::scope(|scope| {
        let ask = || {
            let mut tags = BTreeSet::new();
            while begin.elapsed() < Duration::from_secs(7) {
                let reply = http::get(server.http, "/thumbnail/live/busy.jpg");
                assert_eq!(reply.status, 200);
                tags.insert(reply.header("etag").expect("a tag").to_owned());
                thread::sleep(Duration::from_millis(50));
            }
            tags
        };
        let askers: Vec<_> = (0..10).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().flat_map(|asker| asker.join().expect("answers")).collect::<BTreeSet<_>>()
    });
    let made = server.metric("onair_stills_total", "made") - before;
    assert!((1.0..=2.0).contains(&made) && tags.len() <= 3, "{made} made, {} seen", tags.len());
    let known = first.header("etag").map(|tag| ("if-none-match", tag)).into_iter().collect::<Vec<_>>();
    let again = http::request(server.http, "GET", "/thumbnail/live/busy.jpg", &known).expect("an answer");
    assert!(matches!(again.status, 200 | 304));
    // Nobody asks: nothing is made.
    let before = server.metric("onair_stills_total", "made");
    thread::sleep(Duration::from_secs(6));
    assert_eq!(server.metric("onair_stills_total", "made"), before);
}

#[test]
fn there_is_no_still_of_sound_of_nobody_and_without_a_worker() {
    let server = server(&["transcode.thumbnails=false", "transcode.audio=false"]);
    let source = testkit::ffmpeg::Source::default();
    let _publisher = source.publish(&server.rtmp_url("live/none"));
    server.await_stream("live/none");
    assert_eq!(http::get(server.http, "/thumbnail/live/none.jpg").status, 503);
    assert_eq!(http::get(server.http, "/thumbnail/live/nobody.jpg").status, 404);
}
