//! A publisher by RTMP, by Enhanced RTMP where its codec needs that. Sound is silence.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use media::Codec;
use wire::flv::{self, FourCc, FrameType, Video, VideoPacket, VideoTrack};
use wire::rtmp::kind;

use super::{Aim, Client, RtmpUrl};
use crate::generate::{Ledger, mark};
use crate::publisher::{Progress, Publisher};
use crate::source::Source;

/// AAC-LC, 48 kHz, stereo; and a frame of silence in it.
const AAC: [u8; 2] = [0x11, 0x90];
const SILENCE: [u8; 6] = [0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
const SAMPLES: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins to publish there; returns at once.
pub fn publish(url: &RtmpUrl, source: Source, ledger: Ledger) -> Publisher {
    let url = url.clone();
    Publisher::spawn(move |progress| run(&url, &source, &ledger, progress))
}

fn run(url: &RtmpUrl, source: &Source, ledger: &Ledger, progress: &Progress) -> io::Result<()> {
    let format = Format::of(&source.codec().map_err(io::Error::other)?)?;
    let address = url.address().to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut out = BytesMut::new();
    let mut client = Client::new(url, Aim::Publish, &mut out);
    let mut buffer = [0; 4096];
    while !client.is_open() {
        stream.write_all(&out)?;
        out.clear();
        let got = stream.read(&mut buffer)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        client.feed(buffer.get(..got).unwrap_or_default(), &mut out, |_| {}).map_err(io::Error::other)?;
    }
    // From now on the server is heard in passing.
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    Client::send(kind::VIDEO, 0, &format.message(true, VideoPacket::SequenceStart, format.record.clone()), &mut out);
    Client::send(kind::AUDIO, 0, &[&[0xaf, 0][..], &AAC].concat(), &mut out);
    let mut pictures = source.pictures();
    let (begin, mut sounds) = (Instant::now(), 0u64);
    while !progress.is_told_to_stop() {
        let next_frame = pictures.next_at();
        let next_sound = Duration::from_nanos(sounds * SAMPLES * 1_000_000_000 / 48_000);
        thread::sleep(next_frame.min(next_sound).saturating_sub(begin.elapsed()));
        let (now, mut messages) = (begin.elapsed(), 0);
        if now >= next_sound {
            sounds += 1;
            Client::send(kind::AUDIO, next_sound.as_millis() as u32, &[&[0xaf, 1][..], &SILENCE].concat(), &mut out);
            messages += 1;
        }
        if now >= next_frame {
            let frame = pictures.next(false);
            let body = format.message(frame.is_sync, VideoPacket::CodedFrames, frame.payload);
            if let Some(mark) = mark(&body) {
                ledger.sent(mark, Instant::now());
            }
            Client::send(kind::VIDEO, next_frame.as_millis() as u32, &body, &mut out);
            messages += 1;
            progress.begins();
        }
        progress.sent(messages, out.len());
        stream.write_all(&out)?;
        out.clear();
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(got) => {
                let heard = buffer.get(..got).unwrap_or_default();
                client.feed(heard, &mut out, |_| {}).map_err(io::Error::other)?;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How RTMP names a codec, and its configuration record.
struct Format {
    codec: flv::Codec,
    record: Bytes,
}

impl Format {
    fn of(codec: &Codec) -> io::Result<Self> {
        // The box that the record of VP8 and VP9 is the body of has a version and flags before it (E-RTMP 2).
        let versioned = |record: Bytes| [&[1, 0, 0, 0], &record[..]].concat().into();
        let (name, record) = match codec {
            Codec::Avc(avc) => (FourCc::AVC, avc.to_record()),
            Codec::Vp8(vp8) => (FourCc::VP8, versioned(vp8.to_record())),
            Codec::Vp9(vp9) => (FourCc::VP9, versioned(vp9.to_record())),
            Codec::Av1(av1) => (FourCc::AV1, av1.config.clone()),
            _ => return Err(io::Error::other("RTMP does not carry such pictures")),
        };
        Ok(Self { codec: flv::Codec::FourCc(name), record })
    }

    fn message(&self, is_sync: bool, packet: VideoPacket, data: Bytes) -> BytesMut {
        let frame = if is_sync { FrameType::Key } else { FrameType::Inter };
        let tracks = vec![VideoTrack { id: 0, codec: self.codec, composition_ms: 0, data }];
        let mut out = BytesMut::new();
        Video { frame, packet, nanos: 0, tracks }.write(&mut out);
        out
    }
}
