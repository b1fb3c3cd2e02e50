//! One source that sends its pictures in two sizes (VP9 or AV1 with spatial layers) is a ladder of two.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::{Origin, Time, TrackId};
use wire::rtcp::Rtcp;
use wire::rtp::{Header, write_elements};

use super::super::{Event, Receiver, Settings};
use super::network::{terms, video};
use super::{MS, V0};
use crate::webrtc::negotiate::Coding;

const V2: TrackId = TrackId(2);
/// A keyframe of 1280x720, and where two sizes are told: 1280x720 and 2560x1440.
const KEYFRAME: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
const SIZES: [u8; 9] = [0x30, 5, 0, 2, 0xd0, 10, 0, 5, 0xa0];

struct Bench {
    receiver: Receiver,
    now: Instant,
    sequence: u16,
    pictures: u32,
    events: Vec<(Instant, Event)>,
}

impl Bench {
    fn new() -> Self {
        let mut section = video(0);
        section.agreed.coding = Coding::Vp9;
        let now = Instant::now();
        let receiver = Receiver::new(&terms(&[section]), Settings::default(), now);
        Self { receiver, now, sequence: 0, pictures: 0, events: Vec::new() }
    }

    fn packet(&mut self, marker: bool, payload: &[u8]) {
        let timestamp = self.pictures * 3000;
        let header = Header { marker, payload_type: 96, sequence: self.sequence, timestamp, ssrc: 1000 };
        self.sequence += 1;
        let mut packet = BytesMut::new();
        packet.resize(12, 0);
        header.write(false, &mut &mut packet[..]);
        packet.extend_from_slice(payload);
        self.receiver.handle_rtp(self.now, &packet);
    }

    /// Thirty pictures a second, in one size or two; the first is a keyframe.
    fn publish(&mut self, sizes: u8, pictures: u32) {
        for at in 0..pictures {
            let inter = if at > 0 { 0x40 } else { 0 };
            let has_sizes = at == 0 && sizes > 1;
            let mut low = vec![0xac | inter | u8::from(has_sizes) << 1, 1, 0, 7];
            low.extend_from_slice(if has_sizes { &SIZES } else { &[] });
            low.extend_from_slice(if at == 0 { &KEYFRAME } else { &[0x86, 1] });
            self.packet(sizes == 1, &low);
            if sizes > 1 {
                self.packet(true, &[0xec, 1, 2 | u8::from(at == 0), 7, 0x86, 2]);
            }
            self.pictures += 1;
            self.now += 33 * MS;
            while let Some(event) = self.receiver.poll_event() {
                self.events.push((self.now, event));
            }
        }
    }

    fn times(&self, track: TrackId) -> Vec<Time> {
        let frame = |(_, event): &(Instant, Event)| match event {
            Event::Frame(id, frame) if *id == track => Some(frame.dts),
            _ => None,
        };
        self.events.iter().filter_map(frame).collect()
    }
}

/// P8, P10.
#[test]
fn each_size_is_a_track_and_goes_when_it_comes_no_more() {
    let mut bench = Bench::new();
    bench.publish(2, 60);
    let declared = |bench: &Bench| {
        let track = |(_, event): &(Instant, Event)| match event {
            Event::Track(track) => Some((track.id, track.origin, track.codec.picture().unwrap().width)),
            _ => None,
        };
        bench.events.iter().filter_map(track).collect::<Vec<_>>()
    };
    assert_eq!(declared(&bench), [(V0, Origin::Source, 2560), (V2, Origin::Simulcast, 1280)]);
    let times = bench.times(V0);
    assert_eq!((times.len(), &times), (60, &bench.times(V2)), "both are of the same moments");
    // The larger one is switched off: the one there is has the first track, and the second goes.
    let off = bench.now;
    bench.publish(1, 60);
    let (gone_at, _) = bench.events.iter().find(|(_, event)| *event == Event::Gone(V2)).expect("it goes");
    assert!(*gone_at - off < Duration::from_millis(1100), "{:?}", *gone_at - off);
    assert_eq!((bench.times(V0).len(), bench.times(V2).len()), (120, 60));
    bench.publish(2, 30);
    let all = declared(&bench);
    assert_eq!(all[2..], [(V0, Origin::Source, 1280), (V0, Origin::Source, 2560), (V2, Origin::Simulcast, 1280)]);
    assert_eq!(bench.times(V2).len(), 90);
}

/// P3: who needs a keyframe of one size gets one of all.
#[test]
fn a_keyframe_of_a_smaller_size_is_asked_of_the_one_source() {
    let mut bench = Bench::new();
    bench.publish(2, 30);
    bench.receiver.request_keyframe(V2, bench.now);
    let mut out = BytesMut::new();
    assert!(bench.receiver.poll_rtcp(bench.now, &mut out));
    let asked = Rtcp::parse_all(&out).unwrap();
    assert!(asked.iter().any(|packet| matches!(packet, Rtcp::Pli { media: 1000, .. })), "{asked:?}");
}

/// P7, P24: what the dependency descriptor says of a packet stays with it, in extensions of either form and while it waits for
/// one before it.
#[test]
fn packets_of_av1_keep_their_descriptor_in_whatever_order_they_come() {
    const DEPENDENCY: u8 = 12;
    // `L2T1_KEY` at 480x270, as Chromium sends it: descriptor and payload of both frames of a keyframe and of one after it.
    let structure: &[u8] =
        &[0x80, 0x01, 0x23, 0x8a, 0x22, 0x89, 0x14, 0x1a, 0x42, 0, 0x24, 0x23, 0, 0xef, 0, 0x86, 1, 0xdf, 1, 0x0d];
    let key = [&[0xc1, 0, 1], structure].concat();
    let sequence = [0x28, 13, 0x08, 0x00, 0x13, 0x01, 0x00, 0x80, 0x82, 0x23, 0xbf, 0x0d, 0x00, 0x68, 0x02];
    let lower = [&sequence[..], &[0x34, 0x00, 0x12, 0xef, 0x43, 0xc0, 0x77, 0xc0]].concat();
    let upper = [0x10, 0x34, 0x08, 0x30, 0xe0, 0x40, 0x02, 0x00, 0x01, 0x34, 0x00, 0x96];
    let packets: [(bool, &[u8], &[u8]); 4] = [
        (false, &key, &lower),
        (true, &[0xc3, 0, 2], &upper),
        (false, &[0xc0, 0, 3], &[0x10, 0x34, 0x00, 0x34, 1]),
        (true, &[0xc2, 0, 4], &[0x10, 0x34, 0x08, 0x34, 2]),
    ];
    for order in [[0, 1, 2, 3], [0, 2, 3, 1]] {
        let mut section = video(0);
        section.agreed.coding = Coding::Av1;
        section.extensions.dependency = Some(DEPENDENCY);
        let now = Instant::now();
        let mut receiver = Receiver::new(&terms(&[section]), Settings::default(), now);
        for at in order {
            let (marker, descriptor, payload) = packets[at];
            let timestamp = at as u32 / 2 * 3000;
            let header = Header { marker, payload_type: 96, sequence: at as u16, timestamp, ssrc: 1000 };
            let mut packet = BytesMut::new();
            header.write(true, &mut packet);
            write_elements([(DEPENDENCY, descriptor)].into_iter(), &mut packet);
            packet.extend_from_slice(payload);
            receiver.handle_rtp(now + MS, &packet);
        }
        let frame = |event| if let Event::Frame(id, frame) = event { Some((id, frame.payload)) } else { None };
        let frames: Vec<_> = std::iter::from_fn(|| receiver.poll_event()).filter_map(frame).collect();
        let ids: Vec<_> = frames.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [V0, V2, V0, V2], "{order:?}");
        // Each size on its own behind the keyframe.
        assert_eq!(
            (&frames[2].1[..], &frames[3].1[..]),
            (&[0x36, 0x08, 2, 0x34, 2][..], &[0x36, 0x00, 2, 0x34, 1][..])
        );
    }
}
