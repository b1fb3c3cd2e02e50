use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn any_header() -> impl Strategy<Value = MessageHeader> {
    let u24 = || 0_u32..=0xff_ffff;
    prop_oneof![
        (u24(), u24(), any::<u8>(), any::<u32>()).prop_map(|(timestamp, length, kind, stream)| MessageHeader::Full {
            timestamp,
            length,
            kind,
            stream
        }),
        (u24(), u24(), any::<u8>()).prop_map(|(delta, length, kind)| MessageHeader::SameStream { delta, length, kind }),
        u24().prop_map(|delta| MessageHeader::SameShape { delta }),
        Just(MessageHeader::Same),
    ]
}

fn any_control() -> impl Strategy<Value = Control> {
    let limit = prop::sample::select(&[PeerLimit::Hard, PeerLimit::Soft, PeerLimit::Dynamic]);
    (any::<u32>(), any::<u32>(), limit, 0..13).prop_map(|(a, b, limit, which)| match which {
        0 => Control::SetChunkSize(a),
        1 => Control::Abort { csid: a },
        2 => Control::Acknowledgement(a),
        3 => Control::WindowAckSize(a),
        4 => Control::SetPeerBandwidth { bytes: a, limit },
        5 => Control::User(UserControl::StreamBegin(a)),
        6 => Control::User(UserControl::StreamEof(a)),
        7 => Control::User(UserControl::StreamDry(a)),
        8 => Control::User(UserControl::SetBufferLength { stream: a, length_ms: b }),
        9 => Control::User(UserControl::StreamIsRecorded(a)),
        10 => Control::User(UserControl::PingRequest(a)),
        11 => Control::User(UserControl::PingResponse(a)),
        _ => Control::User(UserControl::Other(32)),
    })
}

proptest! {
    /// R2: one, two and three bytes.
    #[test]
    fn a_basic_header_reads_back_as_it_was_written(fmt in 0_u8..4, csid in 2_u32..=65_599) {
        let header = BasicHeader { fmt, csid };
        let mut out = BytesMut::new();
        header.write(&mut out);
        prop_assert_eq!(out.len(), match csid { 2..64 => 1, 64..320 => 2, _ => 3 });
        let mut src = &out[..];
        prop_assert_eq!(BasicHeader::parse(&mut src), Some(header));
        prop_assert!(src.is_empty());
        for len in 0..out.len() {
            let mut cut = &out[..len];
            prop_assert_eq!(BasicHeader::parse(&mut cut), None);
            prop_assert_eq!(cut.len(), len);
        }
    }

    #[test]
    fn a_message_header_reads_back_as_it_was_written(header in any_header()) {
        let mut out = BytesMut::new();
        header.write(&mut out);
        let mut src = &out[..];
        prop_assert_eq!(MessageHeader::parse(header.fmt(), &mut src), Some(header));
        prop_assert!(src.is_empty());
        for len in 0..out.len() {
            let mut cut = &out[..len];
            prop_assert_eq!(MessageHeader::parse(header.fmt(), &mut cut), None);
            prop_assert_eq!(cut.len(), len);
        }
    }

    #[test]
    fn a_control_message_reads_back_as_it_was_written(control in any_control()) {
        let mut out = BytesMut::new();
        control.write(&mut out);
        prop_assert_eq!(Control::parse(control.kind(), &out), Ok(Some(control)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(kind: u8, bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let _ = Control::parse(kind, &bytes);
    }
}

#[test]
fn long_forms_of_small_csids_are_read_too() {
    assert_eq!(BasicHeader::parse(&mut &[0x41, 0, 0][..]), Some(BasicHeader { fmt: 1, csid: 64 }));
    assert_eq!(BasicHeader::parse(&mut &[0x01, 0xff, 0xff][..]), Some(BasicHeader { fmt: 0, csid: 65_599 }));
}
