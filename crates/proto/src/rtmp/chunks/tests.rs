use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use wire::rtmp::{BasicHeader, MessageHeader};

use super::reader::Limits;
use super::*;
use crate::rtmp::error::Fault;

const LIMITS: Limits = Limits { message_bytes: 1 << 20, pending_bytes: 2 << 20, chunk_streams: 16 };

fn reader() -> Reader {
    Reader::new(LIMITS)
}

fn read_all(reader: &mut Reader, mut src: &[u8]) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::new();
    while let Some(message) = reader.next(&mut src)? {
        messages.push(message);
    }
    assert!(src.is_empty(), "all input is taken");
    Ok(messages)
}

fn message(timestamp: u32, payload: impl Into<Bytes>) -> Message {
    Message { kind: 9, stream: 1, timestamp, payload: payload.into() }
}

/// One chunk by hand: `time` is the 32-bit extended timestamp, where there is to be one.
fn chunk(fmt_csid: (u8, u32), header: MessageHeader, time: Option<u32>, payload: &[u8], out: &mut BytesMut) {
    BasicHeader { fmt: fmt_csid.0, csid: fmt_csid.1 }.write(out);
    header.write(out);
    if let Some(time) = time {
        out.put_u32(time);
    }
    out.put_slice(payload);
}

fn full(timestamp: u32, length: u32) -> MessageHeader {
    MessageHeader::Full { timestamp, length, kind: 9, stream: 1 }
}

fn any_messages() -> impl Strategy<Value = Vec<(u32, Message)>> {
    let csid = prop_oneof![2_u32..6, Just(64), Just(320), Just(65_599)];
    let time = prop_oneof![0_u32..100, 0xff_ff00_u32..0x100_0100, any::<u32>()];
    let payload = prop::collection::vec(any::<u8>(), 0..600);
    let one = (csid, 8_u8..10, 0_u32..2, time, payload).prop_map(|(csid, kind, stream, timestamp, payload)| {
        (csid, Message { kind, stream, timestamp, payload: payload.into() })
    });
    prop::collection::vec(one, 1..12)
}

proptest! {
    /// R2, R3, R4: whatever the chunk size, and however the bytes arrive.
    #[test]
    fn what_is_written_reads_back_the_same(
        messages in any_messages(),
        chunk_size in 1_u32..700,
        cuts in prop::collection::vec(1_usize..200, 0..20),
    ) {
        let (mut writer, mut reader) = (Writer::new(), reader());
        writer.set_chunk_size(chunk_size);
        reader.set_chunk_size(chunk_size).unwrap();
        let mut bytes = BytesMut::new();
        messages.iter().for_each(|(csid, message)| writer.write(*csid, message, &mut bytes));
        let mut rest = &bytes[..];
        let mut read = Vec::new();
        for cut in cuts.into_iter().chain([1; 40]).chain([usize::MAX]) {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            read.extend(read_all(&mut reader, now).unwrap());
            rest = later;
        }
        prop_assert_eq!(read, messages.into_iter().map(|(_, message)| message).collect::<Vec<_>>());
    }

    /// A1, R3: the same where payloads are shared, over the wrap of time too.
    #[test]
    fn what_is_shared_reads_back_the_same_and_is_not_copied(
        messages in any_messages(),
        heads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 12),
        chunk_size in 1_u32..700,
    ) {
        let (mut writer, mut reader) = (Writer::new(), reader());
        writer.set_chunk_size(chunk_size);
        reader.set_chunk_size(chunk_size).unwrap();
        let (mut out, mut pieces) = (BytesMut::new(), Vec::new());
        for ((csid, message), head) in messages.iter().zip(&heads) {
            let &Message { kind, stream, timestamp, .. } = message;
            let body = message.payload.clone();
            writer.write_shared(*csid, (kind, stream, timestamp), head, body, &mut out, |piece| pieces.push(piece));
        }
        pieces.push(out.freeze());
        let read = read_all(&mut reader, &pieces.concat()).unwrap();
        let whole = messages.iter().zip(&heads).map(|((_, message), head)| {
            Message { payload: [head, &message.payload[..]].concat().into(), ..message.clone() }
        });
        prop_assert_eq!(read, whole.collect::<Vec<_>>());
        for (_, Message { payload, .. }) in messages.iter().filter(|(_, message)| !message.payload.is_empty()) {
            prop_assert!(pieces.iter().any(|piece| payload.as_ptr_range().contains(&piece.as_ptr())));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&mut reader(), &bytes);
    }
}

/// R3: five seconds before the 24 bits are used up, by chunks of 128 bytes, across the border and on.
#[test]
fn messages_cross_the_border_of_24_bit_time() {
    let (mut writer, mut reader) = (Writer::new(), reader());
    for step in 0..250 {
        let sent = message(0xff_ffff - 5_000 + step * 40, vec![step as u8; 300]);
        let mut bytes = BytesMut::new();
        writer.write(6, &sent, &mut bytes);
        assert_eq!(read_all(&mut reader, &bytes), Ok(vec![sent]));
    }
}

/// R3: with the extended timestamp repeated in type 3 chunks, and without, as old librtmp sends it.
#[test]
fn peers_that_omit_extended_timestamps_in_type_3_chunks_are_understood() {
    let time = 0x0123_4567;
    let payload: Vec<u8> = (0..=255).cycle().take(300).collect();
    for repeated in [Some(time), None] {
        let mut reader = reader();
        for _ in 0..3 {
            let mut bytes = BytesMut::new();
            chunk((0, 6), full(0xff_ffff, 300), Some(time), &payload[..128], &mut bytes);
            chunk((3, 6), MessageHeader::Same, repeated, &payload[128..256], &mut bytes);
            chunk((3, 6), MessageHeader::Same, repeated, &payload[256..], &mut bytes);
            assert_eq!(read_all(&mut reader, &bytes), Ok(vec![message(time, payload.clone())]), "{repeated:?}");
        }
    }
}

/// R4.
#[test]
fn an_extended_time_of_type_1_or_2_is_a_delta() {
    let mut bytes = BytesMut::new();
    chunk((0, 6), full(1_000, 1), None, b"a", &mut bytes);
    chunk(
        (1, 6),
        MessageHeader::SameStream { delta: 0xff_ffff, length: 1, kind: 9 },
        Some(0x100_0000),
        b"b",
        &mut bytes,
    );
    chunk((2, 6), MessageHeader::SameShape { delta: 0xff_ffff }, Some(0x100_0001), b"c", &mut bytes);
    let times = read_all(&mut reader(), &bytes).unwrap().into_iter().map(|message| message.timestamp);
    assert_eq!(times.collect::<Vec<_>>(), [1_000, 1_000 + 0x100_0000, 1_000 + 0x200_0001]);
}

/// R4.
#[test]
fn type_3_repeats_the_last_delta_and_after_type_0_that_time() {
    let mut bytes = BytesMut::new();
    chunk((0, 6), full(50, 1), None, b"a", &mut bytes);
    chunk((3, 6), MessageHeader::Same, None, b"b", &mut bytes);
    chunk((2, 6), MessageHeader::SameShape { delta: 7 }, None, b"c", &mut bytes);
    chunk((3, 6), MessageHeader::Same, None, b"d", &mut bytes);
    let times = read_all(&mut reader(), &bytes).unwrap().into_iter().map(|message| message.timestamp);
    assert_eq!(times.collect::<Vec<_>>(), [50, 100, 107, 114]);
}

/// R2.
#[test]
fn interleaved_messages_and_a_change_of_chunk_size_between_them() {
    let mut reader = reader();
    let mut bytes = BytesMut::new();
    chunk((0, 4), full(1, 200), None, &[4; 128], &mut bytes);
    chunk((0, 300), full(2, 150), None, &[3; 128], &mut bytes);
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![]));
    reader.set_chunk_size(10).unwrap();
    bytes.clear();
    for _ in 0..7 {
        chunk((3, 4), MessageHeader::Same, None, &[4; 10], &mut bytes);
    }
    chunk((3, 300), MessageHeader::Same, None, &[3; 10], &mut bytes);
    chunk((3, 4), MessageHeader::Same, None, &[4; 2], &mut bytes);
    reader.set_chunk_size(0x7fff_ffff).ok();
    reader.set_chunk_size(10).unwrap();
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![message(1, vec![4; 200])]));
    bytes.clear();
    chunk((3, 300), MessageHeader::Same, None, &[3; 10], &mut bytes);
    chunk((3, 300), MessageHeader::Same, None, &[3; 2], &mut bytes);
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![message(2, vec![3; 150])]));
}

/// R2.
#[test]
fn an_aborted_message_is_forgotten_and_the_next_one_is_whole() {
    let mut reader = reader();
    let mut bytes = BytesMut::new();
    chunk((0, 4), full(1, 200), None, &[1; 128], &mut bytes);
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![]));
    reader.abort(4);
    reader.abort(5);
    bytes.clear();
    chunk((0, 4), full(2, 2), None, &[2; 2], &mut bytes);
    assert_eq!(read_all(&mut reader, &bytes), Ok(vec![message(2, vec![2; 2])]));
}

/// R2.
#[test]
fn impossible_chunk_sizes_are_refused() {
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(reader().set_chunk_size(size), Err(Fault::Misbehaved("an impossible chunk size")));
    }
}

/// R15.
#[test]
fn a_message_may_be_empty() {
    let mut bytes = BytesMut::new();
    chunk((0, 4), full(1, 0), None, b"", &mut bytes);
    chunk((0, 4), full(2, 1), None, b"x", &mut bytes);
    assert_eq!(read_all(&mut reader(), &bytes), Ok(vec![message(1, ""), message(2, "x")]));
}

/// F4: lengths that lie are held by their sum, long before the bytes come.
#[test]
fn unfinished_messages_are_held_to_a_total() {
    let mut reader = reader();
    for csid in 2..4 {
        let mut bytes = BytesMut::new();
        chunk((0, csid), full(0, 1 << 20), None, &[0; 128], &mut bytes);
        assert_eq!(read_all(&mut reader, &bytes), Ok(vec![]));
    }
    let mut bytes = BytesMut::new();
    chunk((0, 4), full(0, 1), None, b"", &mut bytes);
    let limit = LIMITS.pending_bytes;
    assert_eq!(read_all(&mut reader, &bytes), Err(Fault::OverLimit { what: "bytes in unfinished messages", limit }));
}

/// F4.
#[test]
fn huge_messages_and_too_many_chunk_streams_are_refused() {
    let mut bytes = BytesMut::new();
    chunk((0, 4), full(0, 0xff_ffff), None, b"", &mut bytes);
    let limit = LIMITS.message_bytes;
    assert_eq!(read_all(&mut reader(), &bytes), Err(Fault::OverLimit { what: "bytes in one message", limit }));

    bytes.clear();
    for csid in 0..10_000 {
        chunk((0, 2 + csid), full(0, 1), None, b"x", &mut bytes);
    }
    let limit = LIMITS.chunk_streams;
    assert_eq!(read_all(&mut reader(), &bytes), Err(Fault::OverLimit { what: "chunk streams", limit }));
}
