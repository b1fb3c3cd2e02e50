//! Input from enemies, on every port: an error in the log, a closed connection, flat memory, and a healthy stream that
//! does not notice (R1, R2, R15, F4, F5, F7, F8).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::ffmpeg::Source;
use testkit::flv::{Kind, Tag};
use testkit::playlist::Media;
use testkit::rtmp::{Publisher, shake_hands};
use testkit::rules::step_faults;
use testkit::{Server, alone, http, process};

use crate::server;

/// What any one attack may leave behind in memory once it is over: the allocator's habits, not the attacker's bytes.
const FLAT_BYTES: u64 = 12 << 20;

#[test]
fn bad_input_hurts_nobody_else() {
    let _alone = alone();
    let server = server(&["log.level=\"debug\""]);
    let healthy = Source::default().publish(&server.rtmp_url("live/healthy"));
    server.await_stream("live/healthy");
    server.await_media("live/healthy", "v0", |list| list.segments.len() >= 2);
    let over = AtomicBool::new(false);

    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_health(&server, &over));
        let slow = [
            scope.spawn(|| seconds_until_closed(server.rtmp, b"")),
            scope.spawn(|| seconds_until_closed(server.rtmp, &[3; 700])),
            scope.spawn(|| seconds_until_closed(server.http, b"")),
            scope.spawn(|| seconds_until_closed(server.http, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")),
        ];
        for (name, attack) in ATTACKS {
            let (before, logged) = (process::resident_bytes(server.pid()), server.log().len());
            attack(&server);
            thread::sleep(Duration::from_millis(300));
            let grown = process::resident_bytes(server.pid()).saturating_sub(before);
            eprintln!("{name}: {} KiB more, {} bytes of log", grown / 1024, server.log().len() - logged);
            assert!(grown < FLAT_BYTES, "{name} left {grown} bytes behind");
            assert!(!server.log().contains("panicked"), "{name}: a panic");
        }
        for (what, closed) in ["silence on RTMP", "half a handshake", "silence on HTTP", "half a head"].iter().zip(slow)
        {
            let secs = closed.join().expect("a socket");
            assert!(secs <= 11.0, "{what} was closed after {secs:.1} s (F8)");
        }
        over.store(true, Ordering::Relaxed);
        let broken = watcher.join().expect("the healthy viewer");
        assert!(broken.is_empty(), "the healthy stream: {}", broken.join("\n"));
    });
    drop(healthy);
    let files = process::open_files(server.pid());
    assert!(files < 64, "{files} files still open");
}

type Attack = fn(&Server);

const ATTACKS: &[(&str, Attack)] = &[
    ("random bytes on RTMP", |server| random_bytes(server.rtmp, &[])),
    ("random bytes after the handshake", random_after_handshake),
    ("random bytes on HTTP", |server| random_bytes(server.http, b"")),
    ("random bytes as a head", |server| random_bytes(server.http, b"GET /hls/live/healthy/v0.m3u8 HTTP/1.1\r\n")),
    ("half handshakes", half_handshakes),
    ("absurd chunk sizes", absurd_chunk_sizes),
    ("lying lengths on many chunk streams", lying_lengths),
    ("deep and lying AMF", lying_amf),
    ("broken video", broken_media),
    ("stream names", stream_names),
    ("odd requests", odd_requests),
];

/// Follows the healthy stream; says what a viewer would have noticed.
fn watch_health(server: &Server, over: &AtomicBool) -> Vec<String> {
    let mut broken = Vec::new();
    let mut old = server.media("live/healthy", "v0");
    while !over.load(Ordering::Relaxed) {
        let (msn, part) = old.edge();
        let asked = Instant::now();
        let reply = http::get(server.http, &format!("/hls/live/healthy/v0.m3u8?_HLS_msn={msn}&_HLS_part={part}"));
        if reply.status != 200 {
            broken.push(format!("{} for {msn}.{part}", reply.status));
            break;
        }
        let new = Media::parse(&reply.text());
        broken.extend(step_faults(&old, &new));
        if asked.elapsed() > Duration::from_secs(1) {
            broken.push(format!("part {msn}.{part} took {:?}", asked.elapsed()));
        }
        if new.all().any(|segment| segment.discontinuity || segment.gap) {
            broken.push("a discontinuity or a gap".into());
        }
        old = new;
    }
    broken
}

fn connect(server: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&server, Duration::from_secs(5)).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(15))).expect("an option");
    socket.set_write_timeout(Some(Duration::from_secs(5))).expect("an option");
    socket
}

/// Sends and waits for the other side to hang up.
fn seconds_until_closed(server: SocketAddr, start: &[u8]) -> f64 {
    let began = Instant::now();
    let mut socket = connect(server);
    socket.write_all(start).expect("sent");
    let mut buffer = [0; 4096];
    while socket.read(&mut buffer).is_ok_and(|len| len > 0) {}
    began.elapsed().as_secs_f64()
}

/// A small generator with a fixed seed: the same battery every time.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
}

fn random_bytes(server: SocketAddr, start: &[u8]) {
    for seed in 0..100 {
        let mut socket = connect(server);
        let bytes: Vec<u8> = start.iter().copied().chain(noise(seed).take(1 + seed as usize * 97)).collect();
        let _ = socket.write_all(&bytes);
    }
}

fn random_after_handshake(server: &Server) {
    for seed in 0..60 {
        let mut socket = shake_hands(server.rtmp).expect("a handshake");
        let bytes: Vec<u8> = noise(seed).take(20_000).collect();
        let _ = socket.write_all(&bytes);
    }
}

fn half_handshakes(server: &Server) {
    let sockets: Vec<_> = (0..200)
        .map(|i| {
            let mut socket = connect(server.rtmp);
            let _ = socket.write_all(&[3; 1537][..1 + i * 7]);
            socket
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    drop(sockets);
}

/// A chunk header of type 0, without extended timestamp.
fn header(csid: u8, len: u32, kind: u8) -> Vec<u8> {
    let [_, a, b, c] = len.to_be_bytes();
    vec![csid, 0, 0, 0, a, b, c, kind, 0, 0, 0, 0]
}

fn absurd_chunk_sizes(server: &Server) {
    for size in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff_u32] {
        let mut socket = shake_hands(server.rtmp).expect("a handshake");
        let _ = socket.write_all(&[header(2, 4, 1), size.to_be_bytes().to_vec()].concat());
        let _ = socket.write_all(&header(3, 0xff_ffff, 20));
        let bytes: Vec<u8> = noise(u64::from(size)).take(100_000).collect();
        let _ = socket.write_all(&bytes);
    }
}

/// Many messages of 16 MiB begun, none ended (F4).
fn lying_lengths(server: &Server) {
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = shake_hands(server.rtmp).expect("a handshake");
        for csid in 3..64 {
            let chunk = [header(csid, 0xff_ffff, 9), vec![0; 128]].concat();
            if socket.write_all(&chunk).is_err() {
                break;
            }
        }
        sockets.push(socket);
    }
    thread::sleep(Duration::from_millis(500));
    drop(sockets);
    for prefix in [[0u8, 0xff], [1, 0xff]] {
        // Two- and three-byte chunk stream ids, thousands of them.
        let mut socket = shake_hands(server.rtmp).expect("a handshake");
        for id in 0..5000u16 {
            let mut chunk = prefix[..1].to_vec();
            chunk.extend(&id.to_le_bytes()[..usize::from(prefix[0]) + 1]);
            chunk.extend(&header(0, 1000, 20)[1..]);
            chunk.extend([0; 128]);
            if socket.write_all(&chunk).is_err() {
                break;
            }
        }
    }
}

fn lying_amf(server: &Server) {
    let connect = [&[2, 0, 7][..], b"connect", &[0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]].concat();
    let bodies: Vec<Vec<u8>> = vec![
        connect.iter().copied().chain([3, 0, 1, b'a'].repeat(5000)).collect(),
        connect.iter().copied().chain([10, 0xff, 0xff, 0xff, 0xff]).collect(),
        connect.iter().copied().chain([8, 0xff, 0xff, 0xff, 0xff, 0, 1, b'a', 5]).collect(),
        connect.iter().copied().chain([12, 0xff, 0xff, 0xff, 0xff, b'x']).collect(),
        connect.iter().copied().chain([2, 0xff, 0xff, b'x']).collect(),
        connect.iter().copied().chain([10, 0, 0, 0, 1].repeat(5000)).collect(),
        connect.iter().copied().chain([7, 0, 0]).collect(),
        vec![2],
        vec![],
    ];
    for body in bodies {
        for kind in [20, 17, 18, 15, 22] {
            let mut socket = shake_hands(server.rtmp).expect("a handshake");
            let mut message = header(3, body.len() as u32, kind);
            for (i, run) in body.chunks(128).enumerate() {
                if i > 0 {
                    message.push(0xc3);
                }
                message.extend(run);
            }
            let _ = socket.write_all(&message);
        }
    }
}

/// Sequence headers and frames whose insides lie (F5).
fn broken_media(server: &Server) {
    let avcc = |sps: &[u8]| {
        let len = (sps.len() as u16).to_be_bytes();
        [&[0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff, 0xe1], &len[..], sps, &[1, 0, 4, 0x68, 0xee, 0x3c, 0x80]].concat()
    };
    let good_sps: &[u8] = &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
        0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60,
    ];
    let mut bodies = vec![
        (Kind::Video, vec![]),
        (Kind::Video, vec![0x17]),
        (Kind::Video, vec![0x17, 0]),
        (Kind::Video, avcc(&[])),
        (Kind::Video, avcc(&[0x67; 3])),
        (Kind::Video, avcc(&[&[0x67, 0x64, 0, 0x1f][..], &[0; 200]].concat())),
        (Kind::Video, avcc(&[&[0x67, 0x64, 0, 0x1f][..], &[0xff; 200]].concat())),
        (Kind::Audio, vec![0xaf]),
        (Kind::Audio, vec![0xaf, 0]),
        (Kind::Audio, vec![0xaf, 0, 0xff, 0xff]),
        (Kind::Audio, vec![0xaf, 0, 0x12, 0x10]),
        (Kind::Audio, vec![0xaf, 1]),
        (Kind::Video, avcc(good_sps)),
        (Kind::Video, vec![0x17, 1, 0, 0, 0]),
        (Kind::Video, vec![0x17, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x65]),
        (Kind::Video, vec![0x17, 1, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0x65]),
        (Kind::Video, vec![0x17, 1, 0x80, 0, 0, 0, 0, 0, 0]),
        (Kind::Video, vec![0x27, 1, 0, 0, 0, 0, 0, 0, 1]),
        (Kind::Video, vec![0x90, b'h', b'v', b'c', b'1']),
        (Kind::Video, vec![0xff; 64]),
        (Kind::Data, vec![2, 0, 10]),
    ];
    bodies.extend((0..40).map(|seed| {
        let kind = if seed % 2 == 0 { Kind::Video } else { Kind::Audio };
        let head = if seed % 2 == 0 { [0x17, (seed / 2 % 2) as u8] } else { [0xaf, (seed / 2 % 2) as u8] };
        (kind, head.into_iter().chain(noise(seed).take(300)).collect())
    }));
    for round in 0..3 {
        let name = format!("broken{round}");
        let Ok(mut publisher) = Publisher::publish(server.rtmp, "live", &name) else { continue };
        for (i, (kind, body)) in bodies.iter().enumerate() {
            // Broken input may end the session: then the rest comes over a new one.
            let tag = Tag { kind: *kind, time_ms: 0, body: body.clone() };
            if publisher.send_at(&tag, i as u32 * 40).is_err() || publisher.is_closed() {
                match Publisher::publish(server.rtmp, "live", &format!("{name}-{i}")) {
                    Ok(again) => publisher = again,
                    Err(_) => break,
                }
            }
        }
        let tag = Tag { kind: Kind::Video, time_ms: 0, body: vec![0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88] };
        for i in 0..50 {
            let _ = publisher.send_at(&tag, 10_000 + i * 40);
        }
        for list in ["index.m3u8", "v0.m3u8", "a0.m3u8"] {
            let status = http::get(server.http, &format!("/hls/live/{name}/{list}")).status;
            assert!(status < 500, "/hls/live/{name}/{list}: {status} (H5)");
        }
    }
}

/// F7: names that want to be something else.
fn stream_names(server: &Server) {
    let long = "x".repeat(4096);
    let names = [
        "..",
        "../../etc/passwd",
        "%2e%2e%2f",
        "a\\b",
        "a\0b",
        "/abs",
        "CON",
        &long,
        "\u{202e}emoji\u{1f600}",
        "a;b",
        "a\r\nX: y",
        "a\"b",
        "<b>",
        "a b",
        "",
    ];
    for name in names {
        // Publishing may be refused or not; nothing may break.
        if let Ok(publisher) = Publisher::publish(server.rtmp, "live", name) {
            publisher.finish();
        }
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for address in [
            format!("/hls/live/{encoded}/index.m3u8"),
            format!("/watch/live/{encoded}"),
            format!("/media/live/{encoded}/0/v0.i0.mp4"),
        ] {
            let reply = http::request(server.http, "GET", &address, &[]).expect("an answer");
            assert!(reply.status < 500, "{address}: {}", reply.status);
            assert!(reply.header("x").is_none(), "{address}: a header of the attacker's");
            let body = String::from_utf8_lossy(&reply.body);
            assert!(!body.contains("<b>") && !body.contains("root:"), "{address}: echoed");
        }
    }
}

/// HTTP that is not quite HTTP (F18 as far as it goes without files).
fn odd_requests(server: &Server) {
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(5000));
    let requests: Vec<&[u8]> = vec![
        long.as_bytes(),
        many.as_bytes(),
        b"POST /hls/live/healthy/v0.m3u8 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"GET /hls/live/healthy/v0.m3u8?_HLS_msn=99999999999999999999999 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for request in requests {
        let mut socket = connect(server.http);
        let _ = socket.write_all(request);
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("root:") && !answer.starts_with("HTTP/1.1 5"), "{answer}");
    }
    for method in ["DELETE", "PATCH", "TRACE", "BREW"] {
        let reply = http::request(server.http, method, "/hls/live/healthy/v0.m3u8", &[]).expect("an answer");
        assert!((400..500).contains(&reply.status), "{method}: {}", reply.status);
    }
}
