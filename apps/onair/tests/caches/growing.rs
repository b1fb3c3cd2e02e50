//! A segment that is still being made, through a cache (D7).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testkit::alone;
use testkit::ffmpeg::{Source, Video};
use testkit::server::resolve;

use crate::cache::{Cache, Kind};
use crate::server;

/// When the first byte of an answer's body came, and when the last.
fn read(cache: SocketAddr, path: &str) -> (Duration, Duration) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(cache).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let (mut answer, mut chunk, mut first) = (Vec::new(), [0; 16 << 10], None);
    loop {
        let got = socket.read(&mut chunk).unwrap();
        if got == 0 {
            break;
        }
        answer.extend_from_slice(&chunk[..got]);
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if head.is_some_and(|head| answer.len() > head + 40) {
            first.get_or_insert_with(|| began.elapsed());
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&answer[..64]));
    (first.unwrap(), began.elapsed())
}

/// D7: the first chunk comes at once to whoever asks, also to the second and the tenth. Varnish hands one response to all.
#[test]
fn a_segment_in_the_making_is_handed_on_as_it_grows() {
    let _alone = alone();
    let server = server(&[]);
    let source = Source { video: Some(Video { gop: 60, ..Video::default() }), audio: None, secs: None };
    let _publisher = source.publish(&server.rtmp_url("live/growing"));
    server.await_stream("live/growing");
    for kind in [Kind::Nginx, Kind::Varnish] {
        let cache = Cache::start(kind, server.http);
        let list =
            server.await_media("live/growing", "v0", |list| list.segments.len() >= 2 && list.open.parts.len() < 3);
        let uri = &list.segments.last().unwrap().uri;
        let open = uri.replace(&list.segments.last().unwrap().msn.to_string(), &list.open.msn.to_string());
        let path = resolve("/hls/live/growing/v0.m3u8", &open);
        let before = server.metric("onair_http_requests_total", "route=\"/media/");
        let readers: Vec<_> = (0..10)
            .map(|_| {
                let (address, path) = (cache.address, path.clone());
                thread::sleep(Duration::from_millis(30));
                thread::spawn(move || read(address, &path))
            })
            .collect();
        let times: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        let upstream = server.metric("onair_http_requests_total", "route=\"/media/") - before;
        let first = times.iter().map(|(first, _)| *first).max().unwrap();
        let last = times.iter().map(|(_, last)| *last).max().unwrap();
        eprintln!(
            "{kind:?}: first byte within {first:?}, last after {last:?}, {upstream} upstream requests for 10 readers"
        );
        assert!(first < Duration::from_millis(600), "{kind:?}: the first byte came after {first:?}");
        assert!(last > Duration::from_millis(700), "{kind:?}: it was no segment in the making: {last:?}");
        if kind == Kind::Varnish {
            assert_eq!(upstream, 1.0);
        }
    }
}
