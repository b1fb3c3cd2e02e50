use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn block() -> impl Strategy<Value = Block> {
    (any::<[u32; 5]>(), any::<u8>(), -0x80_0000..0x80_0000).prop_map(|(words, fraction_lost, lost)| {
        let [ssrc, highest_sequence, jitter, last_sr, delay_since_sr] = words;
        Block { ssrc, fraction_lost, lost, highest_sequence, jitter, last_sr, delay_since_sr }
    })
}

fn packet() -> impl Strategy<Value = Rtcp> {
    let info = (any::<u64>(), any::<[u32; 3]>()).prop_map(|(ntp, [rtp_timestamp, packets, octets])| SenderInfo {
        ntp,
        rtp_timestamp,
        packets,
        octets,
    });
    let arrival =
        prop_oneof![Just(Arrival::Lost), any::<i16>().prop_map(Arrival::After), (0..256i16).prop_map(Arrival::After)];
    // Runs, so that both kinds of chunks are written.
    let arrivals = vec((arrival, 1usize..40), 0..20)
        .prop_map(|runs| runs.into_iter().flat_map(|(arrival, count)| std::iter::repeat_n(arrival, count)).collect());
    let twcc = (any::<u16>(), any::<u8>(), 0u32..1 << 24, arrivals).prop_map(
        |(base_sequence, count, reference_64ms, arrivals)| Twcc { base_sequence, count, reference_64ms, arrivals },
    );
    let ids = any::<[u32; 2]>();
    prop_oneof![
        (any::<u32>(), info, vec(block(), 0..4)).prop_map(|(ssrc, info, blocks)| Rtcp::SenderReport {
            ssrc,
            info,
            blocks
        }),
        (any::<u32>(), vec(block(), 0..4)).prop_map(|(ssrc, blocks)| Rtcp::ReceiverReport { ssrc, blocks }),
        (any::<u32>(), "[a-z]{0,20}").prop_map(|(ssrc, name)| Rtcp::Cname { ssrc, name }),
        vec(any::<u32>(), 0..4).prop_map(Rtcp::Bye),
        (ids, vec(any::<u16>(), 0..30)).prop_map(|([sender, media], missing)| Rtcp::Nack {
            sender,
            media,
            missing: Nacks(missing)
        }),
        ids.prop_map(|[sender, media]| Rtcp::Pli { sender, media }),
        (any::<u32>(), vec((any::<u32>(), any::<u8>()), 0..3)).prop_map(|(sender, entries)| Rtcp::Fir {
            sender,
            entries: entries.into_iter().map(|(ssrc, sequence)| Fir { ssrc, sequence }).collect(),
        }),
        (any::<u32>(), 0u64..1 << 18, 0..40u32, vec(any::<u32>(), 0..3)).prop_map(
            |(sender, mantissa, exponent, ssrcs)| {
                Rtcp::Remb { sender, remb: Remb { bitrate_bps: mantissa << exponent, ssrcs } }
            }
        ),
        (ids, twcc).prop_map(|([sender, media], feedback)| Rtcp::Twcc { sender, media, feedback }),
    ]
}

/// The numbers that a NACK names, however they are packed.
fn normal(packet: Rtcp) -> Rtcp {
    match packet {
        Rtcp::Nack { sender, media, missing: Nacks(mut missing) } => {
            missing.sort_unstable();
            missing.dedup();
            Rtcp::Nack { sender, media, missing: Nacks(missing) }
        }
        other => other,
    }
}

proptest! {
    /// P13: compound and reduced-size alike.
    #[test]
    fn what_is_written_is_read_back(packets in vec(packet(), 0..5)) {
        let mut out = BytesMut::new();
        packets.iter().for_each(|packet| packet.write(&mut out));
        let back: Vec<_> = Rtcp::parse_all(&out).unwrap().into_iter().map(normal).collect();
        let packets: Vec<_> = packets.into_iter().map(normal).collect();
        prop_assert_eq!(back, packets);
    }

    #[test]
    fn any_bytes_are_survived(kind in 200u8..208, count in 0u8..32, body: Vec<u8>) {
        let words = body.len() / 4;
        let mut bytes = vec![0x80 | count, kind, (words >> 8) as u8, words as u8];
        bytes.extend(&body[..words * 4]);
        let _ = Rtcp::parse_all(&bytes);
        let _ = Rtcp::parse_all(&body);
    }
}

/// P13.
#[test]
fn one_wrong_length_spoils_the_whole_datagram() {
    let mut out = BytesMut::new();
    Rtcp::Pli { sender: 1, media: 2 }.write(&mut out);
    Rtcp::Bye(vec![7]).write(&mut out);
    assert_eq!(Rtcp::parse_all(&out).unwrap().len(), 2);
    out[15] += 1;
    assert!(Rtcp::parse_all(&out).is_err());
}

#[test]
fn seventeen_missing_in_a_row_take_one_entry() {
    let mut out = BytesMut::new();
    let missing = (65_530..65_547u32).map(|sequence| sequence as u16).collect();
    Rtcp::Nack { sender: 1, media: 2, missing: Nacks(missing) }.write(&mut out);
    assert_eq!(out.len(), 16);
}

#[test]
fn a_packet_of_an_unknown_type_is_passed_over() {
    let bytes = [0x80, 207, 0, 1, 0, 0, 0, 0, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(Rtcp::parse_all(&bytes).unwrap(), [Rtcp::Pli { sender: 1, media: 2 }]);
}
