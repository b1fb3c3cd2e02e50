use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hub::{Broadcast, Claim, Cursor, From, Hub, Limits, Now, Publisher, Step};
use media::codec::{Avc, Hevc, avc, hevc};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_transcoder::pictures::Decoder;
use transcode::protocol::pictures::{Coding, Input};
use transcode::{Condition, Settings, Transcoder};

pub(crate) const PICTURES: TrackId = TrackId(0);
pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_onair-transcoder");

/// Pictures as an encoder made them, and what they are made by.
pub(crate) struct Clip {
    pub(crate) codec: Codec,
    pub(crate) frames: Vec<Frame>,
}

/// A test picture as an encoder makes it, in a transport stream.
fn encoded(size: &str, rate: u32, secs: u32, arguments: &str) -> Vec<u8> {
    let source = format!("testsrc2=size={size}:rate={rate}");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", &source, "-t", &secs.to_string()]);
    ffmpeg.args(arguments.split_whitespace()).args(["-f", "mpegts", "-muxdelay", "0", "pipe:1"]);
    let made = ffmpeg.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    assert!(made.status.success());
    made.stdout
}

/// What an encoder makes of a test picture: `secs` seconds of it, with these arguments.
pub(crate) fn clip(size: &str, rate: u32, secs: u32, arguments: &str) -> Clip {
    let units = units_of(&encoded(size, rate, secs, arguments));
    let is_hevc = arguments.contains("hevc") || arguments.contains("x265");
    let first = units.first().unwrap().2.clone();
    let codec = if is_hevc {
        let hevc::AccessUnit { vps, sps, pps, .. } = hevc::AccessUnit::from_annex_b(&first);
        Codec::Hevc(Hevc::from_parameter_sets(vps, sps, pps).unwrap())
    } else {
        let avc::AccessUnit { sps, pps, .. } = avc::AccessUnit::from_annex_b(&first);
        Codec::Avc(Avc::from_parameter_sets(sps, pps).unwrap())
    };
    let zero = units.first().unwrap().1;
    let frame = |(pts, dts, bytes): &(i64, i64, Bytes)| {
        let (payload, is_sync) = if is_hevc {
            let unit = hevc::AccessUnit::from_annex_b(bytes);
            (unit.payload, unit.is_sync)
        } else {
            let unit = avc::AccessUnit::from_annex_b(bytes);
            (unit.payload, unit.is_sync)
        };
        // Exact times of that rate, from what the file has in ticks.
        let exact = |ticks: i64| Time::from_ticks(((ticks - zero) * i64::from(rate) + 45_000) / 90_000, rate);
        Frame {
            dts: exact(*dts),
            reorder: exact(*pts).since(exact(*dts)),
            is_sync,
            payload,
            temporal: media::Temporal::BASE,
        }
    };
    Clip { codec, frames: units.iter().map(frame).collect() }
}

/// The access units of the one stream in a transport stream, with their times of showing and decoding in ticks.
fn units_of(stream: &[u8]) -> Vec<(i64, i64, Bytes)> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for packet in stream.chunks_exact(188) {
        let id = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        if id != 0x100 {
            continue;
        }
        let (begins, control) = (packet[1] & 0x40 != 0, packet[3] >> 4 & 3);
        let skip = if control & 2 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        if control & 1 == 0 {
            continue;
        }
        if begins {
            packets.push(Vec::new());
        }
        if let Some(last) = packets.last_mut() {
            last.extend_from_slice(&packet[skip..]);
        }
    }
    let stamp = |at: &[u8]| {
        i64::from(at[0] >> 1 & 7) << 30
            | i64::from(at[1]) << 22
            | i64::from(at[2] >> 1) << 15
            | i64::from(at[3]) << 7
            | i64::from(at[4] >> 1)
    };
    let unit = |pes: &Vec<u8>| {
        let (flags, header) = (pes[7] >> 6, usize::from(pes[8]));
        let pts = stamp(&pes[9..14]);
        let dts = if flags == 3 { stamp(&pes[14..19]) } else { pts };
        (pts, dts, Bytes::copy_from_slice(&pes[9 + header..]))
    };
    packets.iter().map(unit).collect()
}

/// A hub, a publisher of pictures and a transcoder with real workers.
pub(crate) struct View {
    pub(crate) hub: Hub,
    pub(crate) transcoder: Transcoder,
}

impl View {
    /// With that ladder, as `[[transcode.ladder]]` has it.
    pub(crate) fn new(ladder: &str) -> Self {
        Self::with(Path::new(WORKER), ladder)
    }

    /// With another worker.
    pub(crate) fn with(worker: &Path, ladder: &str) -> Self {
        let limits = Limits { track_age: Duration::from_secs(600), track_groups: 10_000, ..Limits::default() };
        let ladders = vec![toml::from_str(ladder).unwrap()];
        let settings = Settings { ladders, ..Settings::default() };
        let view = Self { hub: Hub::new(limits), transcoder: Transcoder::new(worker, settings) };
        tokio::spawn(view.transcoder.clone().keep_ladders(view.hub.clone(), Default::default()));
        view
    }

    pub(crate) fn publish(&self, codec: Codec) -> Publisher {
        let now = Now { at: Instant::now(), wall: SystemTime::now() };
        let publisher = self.hub.publish(&"live/a".parse().unwrap(), Claim { proto: "test", peer: None }, now).unwrap();
        publisher.declare(Track::source(PICTURES, codec)).unwrap();
        publisher
    }

    pub(crate) fn condition(&self, id: u16) -> Option<Condition> {
        let status = self.transcoder.status();
        Some(status.into_iter().find(|status| status.id == TrackId(id))?.condition)
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.transcoder.status().first()?.condition.process
    }
}

/// Sends frames at the pace of their times, `later` by so much.
pub(crate) async fn send(publisher: &Publisher, frames: &[Frame], later: Span) {
    send_to(publisher, frames, later, async |_| {}).await;
}

/// The same, but no faster than that rung is made, so that a machine with other things to do leaves nothing out.
pub(crate) async fn send_with(view: &View, id: u16, publisher: &Publisher, frames: &[Frame], later: Span) {
    let before = view.condition(id).map_or(0, |condition| condition.frames);
    let wait = async |sent: u64| {
        let begin = Instant::now();
        let made = || view.condition(id).map_or(0, |condition| condition.frames).saturating_sub(before);
        while made() + 20 < sent && begin.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    send_to(publisher, frames, later, wait).await;
}

async fn send_to(publisher: &Publisher, frames: &[Frame], later: Span, wait: impl AsyncFn(u64)) {
    let mut start = tokio::time::Instant::now();
    for (sent, frame) in (0..).zip(frames) {
        let due = start + frame.dts.since(Time::ZERO).to_duration();
        tokio::time::sleep_until(due).await;
        wait(sent).await;
        // Who had to wait goes on from there.
        start += tokio::time::Instant::now().saturating_duration_since(due);
        let frame = Frame { dts: frame.dts + later, ..frame.clone() };
        publisher.append(PICTURES, frame, Instant::now()).unwrap();
    }
}

/// A reader of that track, once it is there.
pub(crate) async fn follow(broadcast: &Broadcast, id: u16) -> Cursor {
    let begin = Instant::now();
    loop {
        if let Some(cursor) = broadcast.follow(TrackId(id), From::Oldest) {
            return cursor;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "there is no track {id}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a cursor has until nothing came for so long: each frame and the track as it then was.
pub(crate) async fn read(cursor: &mut Cursor, quiet: Duration) -> Vec<(std::sync::Arc<Track>, Frame)> {
    let mut frames = Vec::new();
    loop {
        match tokio::time::timeout(quiet, cursor.next()).await {
            Ok(Step::Frame(frame)) => frames.push((cursor.track().unwrap().clone(), frame)),
            Ok(Step::Ended) | Err(_) => return frames,
            Ok(_) => {}
        }
    }
}

/// How many pictures a decoder makes of that, and their size.
pub(crate) fn decoded(codec: &Codec, frames: &[Frame]) -> (usize, (u32, u32)) {
    let (mut count, mut size) = (0, (0, 0));
    each_decoded(codec, frames, |_, picture| {
        count += 1;
        size = (picture.width(), picture.height());
    });
    (count, size)
}

/// What a decoder makes of that, and when it is shown.
pub(crate) fn each_decoded(codec: &Codec, frames: &[Frame], mut each: impl FnMut(Time, ffmpeg_next::frame::Video)) {
    let mut decoder = Decoder::open(&Input::of(codec).unwrap()).unwrap();
    let mut each = |at, picture| {
        each(at, picture);
        Ok(())
    };
    frames.iter().for_each(|frame| decoder.decode(frame, &mut each).unwrap());
    decoder.finish(&mut each).unwrap();
}

/// As workers know it.
pub(crate) fn coding(codec: &Codec) -> Coding {
    Coding::of(codec).unwrap()
}
