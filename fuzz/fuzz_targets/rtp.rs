//! Packets, their extensions and what stands before the pieces of frames: read or refused, never more than there was.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wire::rtp::payload::{Piece, av1, h264, hevc, vp8, vp9};
use wire::rtp::{Packet, is_rtcp, write_elements};

fuzz_target!(|data: &[u8]| {
    is_rtcp(data);
    let payload = match Packet::parse(data) {
        Ok(packet) => {
            assert!(packet.payload_at + packet.payload.len() + packet.padding == data.len());
            let mut out = BytesMut::new();
            write_elements(packet.extensions, &mut out);
            packet.payload
        }
        Err(_) => data,
    };
    let mut bytes = 0;
    let _ = h264::read(payload, |piece| {
        bytes += match piece {
            Piece::Whole(nal) => nal.len(),
            Piece::Part { data, .. } => data.len(),
        };
    });
    assert!(bytes <= payload.len());
    let _ = hevc::read(payload, |piece| {
        if let Piece::Whole(nal) = piece {
            assert!(nal.len() <= payload.len());
        }
    });
    h264::may_begin(payload);
    hevc::may_begin(payload);
    let _ = vp8::Descriptor::parse(&mut &payload[..]);
    let _ = vp9::Descriptor::parse(&mut &payload[..]);
    let mut rest = payload;
    if let Ok(header) = av1::Aggregation::parse(&mut rest) {
        let elements = av1::Elements::new(header, rest);
        assert!(elements.filter_map(Result::ok).map(<[u8]>::len).sum::<usize>() <= rest.len());
    }
});
