//! A publisher and its viewers, without sockets: what benches and the count of instructions drive.

// Each of them uses some of it.
#![allow(dead_code, unreachable_pub, reason = "shared by targets that use different parts")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use media::codec::{Avc, Opus};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_proto::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use onair_proto::webrtc::send::{Batch, Log, Polled, Viewer, Writer};
use onair_proto::webrtc::srtp::{Keys, Profile, Sealer};
use wire::rtcp::{Arrival, Block, Rtcp, Twcc};
use wire::sdp::Fingerprint;

/// 4.1 Mbit/s at 30 frames a second.
pub const FRAME_BYTES: usize = 17_000;
pub const FRAME: Duration = Duration::from_nanos(33_333_333);
const SOUND: Duration = Duration::from_millis(20);

pub const SPS: [u8; 23] = [
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6,
    0x00, 0xf1, 0x83, 0x2a,
];
pub const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

fn opus() -> Codec {
    Codec::Opus(Opus::plain(2))
}

fn terms() -> Terms {
    let coding = Coding::H264 { fragments: true };
    let agreed = Agreed {
        coding,
        payload_type: 96,
        rtx: Some(97),
        clock: 90_000,
        parameters: String::new(),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: false,
    };
    let extensions =
        Extensions { mid: Some(4), transport_cc: Some(3), abs_send_time: Some(2), ..Extensions::default() };
    let media = Media {
        index: 0,
        mid: Some("0".to_owned()),
        kind: media::Kind::Video,
        agreed,
        extensions,
        ssrcs: vec![(1000, Some(1001))],
        rids: Vec::new(),
    };
    let sound = Media {
        index: 1,
        mid: Some("1".to_owned()),
        kind: media::Kind::Audio,
        agreed: Agreed {
            coding: Coding::carrying(&opus()).expect("a codec we send"),
            payload_type: 111,
            rtx: None,
            clock: 48_000,
            nack: false,
            pli: false,
            fir: false,
            ..media.agreed.clone()
        },
        ssrcs: vec![(2000, None)],
        ..media.clone()
    };
    let fingerprint = Fingerprint { hash: "sha-256".to_owned(), digest: Vec::new() };
    Terms {
        their_ufrag: String::new(),
        fingerprint,
        is_dtls_client: false,
        media: vec![sound, media],
        missing: Vec::new(),
    }
}

pub fn sealer(profile: Profile, at: usize) -> Sealer {
    let salt = if profile == Profile::Aes128CmSha1 { 14 } else { 12 };
    let key = [at as u8; 16];
    Sealer::new(&Keys::try_new(profile, &key, &vec![9; salt]).expect("keys")).expect("a sealer")
}

/// A publisher and its viewers, one frame after the other.
pub struct House {
    now: Instant,
    frames: i64,
    sounds: i64,
    payload: Bytes,
    video: Writer,
    sound: Writer,
    viewers: Vec<(Viewer, Sealer)>,
    batch: Batch,
    /// Transport-wide number of the first packet that was not told of yet.
    told: u64,
    sent: u64,
}

impl House {
    pub fn new(profile: Profile, viewers: usize) -> Self {
        let now = Instant::now();
        let avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).expect("parameters");
        let writer =
            |id, codec| Writer::new(Arc::new(Track::source(TrackId(id), codec)), now).expect("a codec we send");
        let (video, sound) = (writer(0, Codec::Avc(avc)), writer(1, opus()));
        let logs: [Arc<Log>; 2] = [video.log().clone(), sound.log().clone()];
        let viewer = |at: usize| {
            let seed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut viewer = Viewer::new(&terms(), seed, now, SystemTime::UNIX_EPOCH);
            viewer.watch(now, &logs);
            (viewer, sealer(profile, at))
        };
        let mut payload = vec![0x41; FRAME_BYTES];
        payload[..4].copy_from_slice(&(FRAME_BYTES as u32 - 4).to_be_bytes());
        let viewers = (0..viewers).map(viewer).collect();
        let (batch, payload) = (Batch::default(), payload.into());
        Self { now, frames: 0, sounds: 0, payload, video, sound, viewers, batch, told: 0, sent: 0 }
    }

    /// One picture to everybody; the number of packets.
    pub fn frame(&mut self) -> usize {
        self.now += FRAME;
        let dts = Time::ZERO + Span::from_ticks(self.frames, 30);
        let is_sync = self.frames % 60 == 0;
        self.frames += 1;
        let frame =
            Frame { dts, reorder: Span::ZERO, is_sync, payload: self.payload.clone(), temporal: media::Temporal::BASE };
        self.video.append(&frame, self.now);
        self.send()
    }

    /// One packet of sound to everybody.
    pub fn sound(&mut self) -> usize {
        self.now += SOUND;
        self.sounds += 1;
        let dts = Time::ZERO + Span::from_ticks(self.sounds, 50);
        let payload = Bytes::from_static(&[0xfc; 160]);
        self.sound.append(&Frame::alone(dts, payload), self.now);
        self.send()
    }

    fn send(&mut self) -> usize {
        let mut packets = 0;
        for (viewer, sealer) in &mut self.viewers {
            loop {
                let polled = viewer.poll(self.now, sealer, &mut self.batch);
                packets += self.batch.len();
                black_box(self.batch.bursts().count());
                self.batch.clear();
                if polled == Polled::Done {
                    break;
                }
            }
            while viewer.poll_event().is_some() {}
        }
        self.sent += (packets / self.viewers.len().max(1)) as u64;
        packets
    }

    /// Everybody tells when the packets since last time came, and how it goes altogether.
    pub fn feedback(&mut self) {
        let arrivals = (self.told..self.sent).map(|at| Arrival::After((at % 7) as i16)).collect();
        let reference_64ms = (self.frames / 2) as u32;
        let feedback = Twcc { base_sequence: self.told as u16, count: 0, reference_64ms, arrivals };
        self.told = self.sent;
        let mut compound = BytesMut::new();
        let block = Block { ssrc: 1000, highest_sequence: self.sent as u32, ..Block::default() };
        Rtcp::ReceiverReport { ssrc: 1, blocks: vec![block] }.write(&mut compound);
        Rtcp::Twcc { sender: 1, media: 1000, feedback }.write(&mut compound);
        self.viewers.iter_mut().for_each(|(viewer, _)| viewer.handle_rtcp(self.now, &compound));
    }
}
