//! Everything that is not RTMP, or not quite: an error, a closed connection, flat memory, and a publisher beside it
//! that notices nothing.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

mod house;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use house::{House, config, eventually, frames, resident_bytes, tracks};
use media::Kind;
use testkit::ffmpeg::Source;
use testkit::rtmp::{Publisher, shake_hands};

const HANDSHAKE: Duration = Duration::from_secs(2);

/// How long until the server hangs up.
fn until_closed(mut socket: TcpStream) -> Duration {
    let start = Instant::now();
    socket.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let mut sink = [0; 4096];
    loop {
        match socket.read(&mut sink) {
            Ok(0) => return start.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return start.elapsed(),
            Err(error) => panic!("the server holds on: {error}"),
        }
    }
}

/// Sends until the server has had enough.
fn send(mut socket: &TcpStream, bytes: &[u8]) {
    let _ = socket.write_all(bytes);
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A chunk with a full header, for a message of which only `payload` ever comes.
fn chunk(csid: u32, length: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = match csid {
        2..64 => vec![csid as u8],
        64..320 => vec![0, (csid - 64) as u8],
        _ => vec![1, (csid - 64) as u8, ((csid - 64) >> 8) as u8],
    };
    bytes.extend([0, 0, 0]);
    bytes.extend(&length.to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(payload);
    bytes
}

#[test]
fn bad_input_is_closed_memory_stays_flat_and_a_healthy_publisher_goes_on() {
    let house = House::open(config::Rtmp { handshake_timeout: HANDSHAKE, ..config() });
    let connect = || TcpStream::connect(house.address).unwrap();
    let open = || shake_hands(house.address).unwrap();

    let source = Source { secs: Some(60.0), ..Source::default() };
    let mut healthy = source.publish(&house.url("live/healthy"));
    let broadcast = house.broadcast("live/healthy");
    eventually("the healthy one begins", || tracks(&broadcast, Kind::Audio).first().cloned());
    let before = resident_bytes();

    for round in 0..3 {
        // Noise, from the first byte, after the version, after the handshake.
        for seed in 0..10 {
            let socket = connect();
            send(&socket, &noise(seed + 100 * round, 40_000));
            drop(socket);
            let socket = connect();
            send(&socket, &[&[3], &noise(seed + 100 * round + 50, 60_000)[..]].concat());
            assert!(until_closed(socket) < HANDSHAKE + Duration::from_secs(1));
            let socket = open();
            send(&socket, &noise(seed + 7, 60_000));
            assert!(until_closed(socket) < HANDSHAKE + Duration::from_secs(1));
        }
        // Other protocols are known by their first byte.
        for hello in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
            let socket = connect();
            send(&socket, hello);
            assert!(until_closed(socket) < Duration::from_secs(1));
        }
        // Lengths that lie, before anybody was let in (F4).
        let socket = open();
        send(&socket, &chunk(4, 0xff_ffff, 9, &[0; 128]));
        assert!(until_closed(socket) < Duration::from_secs(1));
        // Ten thousand chunk streams.
        let socket = open();
        (2..10_002).for_each(|csid| send(&socket, &chunk(csid, 1000, 9, &[0; 128])));
        assert!(until_closed(socket) < Duration::from_secs(1));
        // A chunk size of nothing, and bombs of AMF.
        for (kind, body) in [
            (1, vec![0, 0, 0, 0]),
            (20, [0x0a, 0, 0, 0, 1].repeat(5000)),
            (20, vec![0x0c, 0xff, 0xff, 0xff, 0xff, b'x']),
            (20, [&[2, 0, 1, b'x'][..], &[3; 2000]].concat()),
            (17, [&[0, 2, 0, 1, b'x', 0x11][..], &[9, 3, 1].repeat(5000)].concat()),
        ] {
            let socket = open();
            let run = body.chunks(128).collect::<Vec<_>>();
            send(&socket, &chunk(3, body.len() as u32, kind, run[0]));
            run[1..].iter().for_each(|run| send(&socket, &[&[0xc3], *run].concat()));
            assert!(until_closed(socket) < Duration::from_secs(1), "type {kind}");
        }
        // Somebody let in, who then announces 16 MiB, or 6 MiB on ten chunk streams, or a bad name, or breaks off.
        for bytes in
            [chunk(9, 0xff_ffff, 9, &[0; 128]), (9..19).flat_map(|csid| chunk(csid, 6 << 20, 9, &[0; 4096])).collect()]
        {
            let mut publisher = Publisher::publish(house.address, "live", "liar").unwrap();
            let _ = publisher.send_raw(&bytes);
            eventually("the liar goes", || publisher.is_closed().then_some(()));
        }
        assert!(Publisher::publish(house.address, "..", "%2e%2e%2fetc").is_err());
    }

    // Half handshakes and drips of bytes are closed in time (F8), all at once.
    let slow: Vec<_> = [0, 1, 700, 1537, 2000]
        .map(|len| {
            let mut socket = connect();
            send(&socket, &[&[3], &vec![0; 3000][..]].concat()[..len]);
            let reader = socket.try_clone().unwrap();
            let drip = thread::spawn(move || {
                while socket.write_all(&[0]).is_ok() {
                    thread::sleep(Duration::from_millis(300));
                }
            });
            (drip, thread::spawn(move || until_closed(reader)))
        })
        .into();
    for (drip, closed) in slow {
        assert!(closed.join().unwrap() < HANDSHAKE + Duration::from_secs(1));
        drip.join().unwrap();
    }

    // Many who only sit there.
    let idle: Vec<_> = (0..300).map(|_| connect()).collect();
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "grew by {} KiB", grown >> 10);
    drop(idle);

    assert!(healthy.is_running());
    let video = tracks(&broadcast, Kind::Video)[0].id;
    let stats = broadcast.stats(Instant::now());
    assert_eq!(stats.discontinuities, 0);
    assert!(stats.tracks.iter().all(|track| track.drops.total() == 0 && track.restamped == 0), "{stats:?}");
    let pictures = frames(&broadcast, video);
    let longest = pictures.windows(2).map(|pair| pair[1].dts.since(pair[0].dts).as_secs_f64()).fold(0.0, f64::max);
    assert!(longest < 0.05, "a hole of {longest} s");
    healthy.kill();

    // And the next one is as welcome as the first.
    let next = Source { secs: Some(1.0), ..Source::default() };
    assert!(next.publish(&house.url("live/next")).wait());
    assert_eq!(frames(&house.broadcast("live/next"), video).len(), 30);
}

/// F3: sockets that only sit there make room for a publisher; publishers make room for nobody.
#[test]
fn idle_sockets_do_not_keep_publishers_out() {
    let house = House::open(config::Rtmp { max_connections: 20, ..config() });
    let first = TcpStream::connect(house.address).unwrap();
    let idle: Vec<_> = (0..200).map(|_| TcpStream::connect(house.address).unwrap()).collect();
    assert!(until_closed(first) < Duration::from_secs(1));
    let publish = |name: &str| Publisher::publish(house.address, "live", name);
    let publishers: Vec<_> = (0..20).map(|at| publish(&format!("p{at}")).unwrap()).collect();
    assert!(publish("one-too-many").is_err());
    assert!(until_closed(TcpStream::connect(house.address).unwrap()) < Duration::from_secs(1));
    assert!(publishers.iter().all(|publisher| !publisher.is_closed()));
    drop((publishers, idle));
    eventually("a seat is free", || publish("next").ok());
}

/// R5: somebody who pings for ever and never reads the answers is let go.
#[test]
fn a_peer_that_does_not_read_is_let_go() {
    let house = House::open(config::Rtmp { idle_timeout: Duration::from_secs(1), ..config() });
    let mut socket = shake_hands(house.address).unwrap();
    let ping = chunk(2, 6, 4, &[0, 6, 0, 0, 0, 0]).repeat(1000);
    let start = Instant::now();
    socket.set_write_timeout(Some(Duration::from_secs(8))).unwrap();
    while socket.write_all(&ping).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(9), "still listened to");
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}
