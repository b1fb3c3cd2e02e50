//! Whatever a peer sends, and however it arrives, the same happens.
//!
//! The first byte says how far a proper client got before the noise begins: nowhere, past the handshake, or
//! publishing, or playing; then either raw bytes follow, or messages cut into proper chunks.
#![no_main]

use std::time::Instant;

use bytes::{BufMut, BytesMut};
use libfuzzer_sys::fuzz_target;
use proto::rtmp::{Error, Event, Input, Limits, Output, Session};
use wire::amf::{self, Value};
use wire::rtmp::{BasicHeader, MessageHeader, kind};

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (mode, cut, noise) = input;
    let mut bytes = BytesMut::new();
    if mode & 3 > 0 {
        bytes.put_u8(3);
        bytes.put_bytes(0, 2 * 1536);
    }
    if mode & 3 > 1 {
        // From here on a message is one chunk.
        message(2, kind::SET_CHUNK_SIZE, 0, 0, &0x7fff_ffff_u32.to_be_bytes(), &mut bytes);
        let app = Value::object([("app", "live".into())]);
        command("connect", &[app], &mut bytes);
        command(if mode & 8 == 0 { "publish" } else { "play" }, &[Value::Null, "a".into()], &mut bytes);
    }
    if mode & 4 == 0 {
        bytes.put_slice(noise);
    } else {
        messages(noise, &mut bytes);
    }
    let (at_once, failed) = run(&bytes, usize::MAX);
    let (in_pieces, failed_too) = run(&bytes, usize::from(cut).max(1));
    // A mistake ends the session; what came before it counts either way. The byte at which it is noticed may differ.
    assert_eq!(at_once, in_pieces);
    assert_eq!(failed.map(|error| error.reason()), failed_too.map(|error| error.reason()));
});

/// Noise as messages: type, time, stream and length lead each.
fn messages(mut noise: &[u8], out: &mut BytesMut) {
    while let Some((&[kind, stream, a, b, c, d, high, low], rest)) = noise.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (body, rest) = rest.split_at(len);
        message(4, kind, u32::from_be_bytes([a, b, c, d]) & 0xff_fffe, u32::from(stream & 1), body, out);
        noise = rest;
    }
}

fn message(csid: u32, kind: u8, timestamp: u32, stream: u32, body: &[u8], out: &mut BytesMut) {
    BasicHeader { fmt: 0, csid }.write(out);
    MessageHeader::Full { timestamp, length: body.len() as u32, kind, stream }.write(out);
    out.put_slice(body);
}

fn command(name: &str, arguments: &[Value], out: &mut BytesMut) {
    let mut body = BytesMut::new();
    [&name.into(), &1.0.into()].into_iter().chain(arguments).for_each(|value| amf::write(value, &mut body));
    message(3, kind::COMMAND, 0, 1, &body, out);
}

fn run(bytes: &[u8], cut: usize) -> (Vec<Event>, Option<Error>) {
    // Large enough that it is never the size of a read that decides.
    let limits = Limits { stranger_bytes: 1 << 20, ..Limits::default() };
    let now = Instant::now();
    let mut session = Session::server(limits, 1, now);
    let mut events = Vec::new();
    for piece in bytes.chunks(cut) {
        let mut result = session.handle_input(now, Input::Bytes(piece));
        loop {
            match session.poll_output() {
                Output::Event(event) => {
                    let asks = matches!(event, Event::WantsToPublish { .. } | Event::WantsToPlay { .. });
                    events.push(event);
                    if asks {
                        result = result.and(session.accept(now));
                    }
                }
                Output::Send(_) => {}
                Output::Close => return (events, None),
                Output::WaitUntil(_) => break,
            }
        }
        if let Err(error) = result {
            return (events, Some(error));
        }
    }
    (events, None)
}
