//! Viewers by TCP against the smallest servers that they take for one. The real ones (nginx with its RTMP module) are
//! measured by hand: docs/measuring.md.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use onair_bench::plan::{Measured, Plan};
use onair_bench::pull::{Address, Pullers, pull};
use onair_bench::rtmp::RtmpUrl;
use onair_bench::stream::Seen;
use onair_bench::url::Url;
use wire::amf::{self, Value};
use wire::rtmp::{BasicHeader, MessageHeader, kind};

fn plan(viewers: usize) -> Plan {
    let (warmup, duration) = (Duration::from_millis(300), Duration::from_secs(1));
    Plan { viewers, ramp_per_sec: 100.0, warmup, duration, threads: 1, pids: vec![std::process::id()] }
}

fn measure(address: Address) -> Measured<Seen> {
    let (plan, pullers) = (plan(3), Pullers { addresses: vec![address], ledger: None });
    let of_thread = plan.clone();
    plan.run(move |thread, times, live| pull(&of_thread, &pullers, thread, times, live)).unwrap()
}

/// A server on a thread of its own, each connection too.
fn serve(each: fn(TcpStream) -> std::io::Result<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || each(stream));
        }
    });
    address
}

fn message(kind: u8, body: &[u8], out: &mut BytesMut) {
    let mut header = MessageHeader::Full { timestamp: 0, length: body.len() as u32, kind, stream: 1 };
    for piece in body.chunks(128) {
        BasicHeader { fmt: header.fmt(), csid: 5 }.write(out);
        header.write(out);
        out.extend_from_slice(piece);
        header = MessageHeader::Same;
    }
}

fn result(number: f64, of: Value) -> Vec<u8> {
    let mut body = BytesMut::new();
    for value in [Value::String("_result".into()), Value::Number(number), Value::Null, of] {
        amf::write(&value, &mut body);
    }
    body.to_vec()
}

/// Answers by the words it sees, then a picture every 10 ms.
fn rtmp(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 1537])?;
    stream.write_all(&[3])?;
    stream.write_all(&[0; 3072])?;
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    for (word, number) in [("connect", 1.0), ("createStream", 4.0), ("play", 0.0)] {
        while !seen.windows(word.len()).any(|window| window == word.as_bytes()) {
            let got = stream.read(&mut buffer)?;
            seen.extend_from_slice(&buffer[..got]);
        }
        let mut out = BytesMut::new();
        message(kind::COMMAND, &result(number, Value::Number(1.0)), &mut out);
        stream.write_all(&out)?;
    }
    let mut out = BytesMut::new();
    message(kind::VIDEO, &[0x27; 1000], &mut out);
    loop {
        stream.write_all(&out)?;
        thread::sleep(Duration::from_millis(10));
    }
}

fn flv(mut stream: TcpStream) -> std::io::Result<()> {
    let _request = stream.read(&mut [0; 4096])?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\nFLV\x01\x05\0\0\0\x09\0\0\0\0")?;
    let mut tag = vec![9, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0];
    tag.extend([0x27; 104]);
    loop {
        stream.write_all(&tag)?;
        thread::sleep(Duration::from_millis(10));
    }
}

fn expect_pictures(measured: &Measured<Seen>, least_bytes: u64) {
    let seen = &measured.seen;
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    assert_eq!(seen.tallies.iter().filter(|tally| tally.connected).count(), 3);
    for tally in &seen.tallies {
        assert!((20..=120).contains(&tally.packets), "{tally:?}");
        assert!(tally.bytes >= tally.packets * least_bytes && tally.join_ms.is_some(), "{tally:?}");
    }
}

#[test]
fn rtmp_is_played() {
    let url = format!("rtmp://{}/live/x", serve(rtmp));
    expect_pictures(&measure(Address::Rtmp(RtmpUrl::parse(&url).unwrap())), 1000);
}

#[test]
fn flv_is_played() {
    let url = format!("http://{}/live/x.flv", serve(flv));
    expect_pictures(&measure(Address::Flv(Url::parse(&url).unwrap())), 100);
}

#[test]
fn a_server_that_hangs_up_is_told_of() {
    let url = format!("rtmp://{}/live/x", serve(|_| Ok(())));
    let measured = measure(Address::Rtmp(RtmpUrl::parse(&url).unwrap()));
    assert_eq!(measured.seen.failures.values().sum::<u64>(), 3);
    assert!(measured.seen.tallies.iter().all(|tally| !tally.connected));
}
