//! A thousand players on one stream (H18, H41).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use testkit::ffmpeg::{Source, Video};
use testkit::{Server, alone, http, measuring};

use crate::server;

const PLAYERS: usize = 1000;
const THREADS: usize = 20;
const CHANGES: usize = 15;

/// H41: one rendering a change, and all answered within one part duration of each other.
#[test]
fn a_thousand_parked_reloads_cost_one_rendering() {
    let _alone = alone();
    let server = server(&[]);
    let source = Source { video: Some(Video { gop: 60, ..Video::default() }), audio: None, secs: None };
    let publisher = source.publish(&server.rtmp_url("live/crowd"));
    server.await_stream("live/crowd");
    let first = server.await_media("live/crowd", "v0", |list| list.segments.len() >= 2);
    let part_target = Duration::from_secs_f64(first.part_target);

    let rendered = |server: &Server| server.metric("onair_hls_playlists_rendered_total", "media");
    let before = rendered(&server);
    let (answers, changes) = {
        // All of them wait for the same part, again and again: every fourth, so that all are parked before it comes.
        let per_segment = (first.segments[1].duration / first.part_target).round() as usize;
        let msn = server.media("live/crowd", "v0").open.msn + 1;
        let place = |n: usize| (msn + (n / per_segment) as u64, n % per_segment);
        let wanted: Vec<(u64, usize)> = (0..CHANGES).map(|i| place(4 * i)).collect();
        let barrier = Barrier::new(THREADS);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let (sender, barrier, wanted) = (sender.clone(), &barrier, &wanted);
                scope.spawn(move || players(server.http, wanted, barrier, &sender));
            }
        });
        drop(sender);
        (receiver.into_iter().collect::<Vec<_>>(), wanted)
    };
    let after = rendered(&server);
    drop(publisher);

    let mut worst = Duration::ZERO;
    for change in 0..changes.len() {
        let times: Vec<Instant> = answers.iter().filter(|(i, _)| *i == change).map(|(_, at)| *at).collect();
        assert_eq!(times.len(), PLAYERS, "answers to change {change}");
        let (first, last) = (times.iter().min().expect("first"), times.iter().max().expect("last"));
        worst = worst.max(*last - *first);
    }
    let per_change = (after - before) / changes.len() as f64;
    eprintln!("{PLAYERS} players, {} changes: {per_change:.2} renderings a change, spread {worst:?}", changes.len());
    let limit = if measuring() { part_target } else { 5 * part_target };
    assert!(worst <= limit, "the last was answered {worst:?} after the first, parts are of {part_target:?}");
    // One more is the list that this test read to see where the stream is.
    assert!(
        after - before <= changes.len() as f64 + 1.0,
        "{} renderings for {} changes",
        after - before,
        changes.len()
    );
}

/// A share of the players: parks all of them on one part, then reads all answers, part after part.
fn players(server: SocketAddr, wanted: &[(u64, usize)], barrier: &Barrier, answers: &mpsc::Sender<(usize, Instant)>) {
    let connect = || {
        let socket = TcpStream::connect(server).expect("a connection");
        socket.set_nodelay(true).expect("an option");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("an option");
        socket
    };
    let mut sockets: Vec<TcpStream> = (0..PLAYERS / THREADS).map(|_| connect()).collect();
    for (change, (msn, part)) in wanted.iter().enumerate() {
        let request = format!(
            "GET /hls/live/crowd/v0.m3u8?_HLS_msn={msn}&_HLS_part={part} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
        );
        for socket in &mut sockets {
            socket.write_all(request.as_bytes()).expect("sent");
        }
        barrier.wait();
        for socket in &sockets {
            let reply = http::read_reply(std::io::BufReader::new(socket), false).expect("an answer");
            assert_eq!(reply.status, 200);
            answers.send((change, Instant::now())).expect("the test listens");
        }
    }
}
