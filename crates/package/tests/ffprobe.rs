//! What ffmpeg makes goes in; what comes out, ffprobe and ffmpeg read without a word (C16).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use media::codec::avc::AccessUnit;
use media::codec::{Aac, Avc};
use media::{Catalog, Codec, Frame, Kind, Span, Time, Track, TrackId};
use onair_package::{Packager, Segment, Settings};
use wire::flv::{Audio, AudioPacket, Tag, TagKind, Video, VideoPacket};

/// A directory of its own for each test.
fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Runs a program; it must succeed and say nothing on its error output.
fn quietly(program: &str, words: &str, files: &[&Path]) -> String {
    let mut words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    for word in &mut words {
        if let Some(index) = word.strip_prefix('@') {
            *word = files[index.parse::<usize>().unwrap()].display().to_string();
        }
    }
    let output = Command::new(program).args(&words).output().expect("ffmpeg and ffprobe are installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{program} {words:?} said: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Frames of an FLV file, in the order of the file.
fn frames(flv: &Path) -> Vec<(Arc<Track>, Frame)> {
    let mut rest = Bytes::from(std::fs::read(flv).unwrap()).slice(13..);
    let (mut video, mut audio, mut samples): (Option<Arc<Track>>, Option<Arc<Track>>, Option<i64>) = (None, None, None);
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let tag = Tag::parse(&mut rest).unwrap();
        let dts = Time::from_ticks(tag.timestamp.into(), 1000);
        match tag.kind {
            TagKind::Video => {
                let message = Video::parse(&tag.body).unwrap();
                let Some(track) = message.tracks.first() else { continue };
                match message.packet {
                    VideoPacket::SequenceStart => {
                        let avc = Avc::from_record(&track.data).unwrap();
                        video = Some(Arc::new(Track::source(TrackId(0), Codec::Avc(avc))));
                    }
                    VideoPacket::CodedFrames => {
                        let unit = AccessUnit::from_length_prefixed(track.data.clone(), 4).unwrap();
                        let reorder = Span::from_millis(track.composition_ms.into());
                        let frame = Frame {
                            dts,
                            reorder,
                            is_sync: unit.is_sync,
                            payload: unit.payload,
                            temporal: media::Temporal::BASE,
                        };
                        frames.push((video.clone().unwrap(), frame));
                    }
                    _ => {}
                }
            }
            TagKind::Audio => {
                let message = Audio::parse(&tag.body).unwrap();
                let Some(track) = message.tracks.first() else { continue };
                match message.packet {
                    AudioPacket::SequenceStart => {
                        let aac = Aac::from_config(&track.data).unwrap();
                        audio = Some(Arc::new(Track::source(TrackId(1), Codec::Aac(aac))));
                    }
                    AudioPacket::CodedFrames => {
                        let track_of = audio.clone().unwrap();
                        let rate = track_of.codec.timescale();
                        // As the hub does: counted in samples.
                        let at = *samples.get_or_insert(dts.to_ticks(rate));
                        samples = Some(at + 1024);
                        let dts = Time::from_ticks(at, rate);
                        frames.push((track_of, Frame::alone(dts, track.data.clone())));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    frames
}

/// All segments of each rendition, with the bytes of its init.
type Packaged = BTreeMap<String, (Bytes, Vec<Arc<Segment>>)>;

fn packaged(frames: Vec<(Arc<Track>, Frame)>) -> Packaged {
    let settings = Settings { window: Span::from_millis(600_000), ..Settings::default() };
    let mut packager = Packager::new("live/test".parse().unwrap(), SystemTime::now(), settings, None);
    let start = Instant::now();
    let mut tracks: Vec<Arc<Track>> = Vec::new();
    for (track, _) in &frames {
        if !tracks.iter().any(|there| there.id == track.id) {
            tracks.push(track.clone());
        }
    }
    packager.catalog(start, &Catalog { tracks });
    let mut now = start;
    for (track, frame) in frames {
        now = start + Duration::from_nanos(frame.dts.0.max(0) as u64);
        packager.frame(now, &track, 0, frame);
    }
    packager.ended(now);
    let renditions = packager.presentation().renditions.borrow().clone();
    let all = renditions.iter().map(|rendition| {
        let segments = rendition.window.borrow().segments.clone();
        (rendition.name.clone(), (rendition.init(0).unwrap().bytes.clone(), segments))
    });
    all.collect()
}

fn write(path: &Path, init: &Bytes, segments: &[Arc<Segment>]) {
    let mut bytes = init.to_vec();
    for part in segments.iter().flat_map(|segment| &segment.parts) {
        bytes.extend_from_slice(&part.bytes);
    }
    std::fs::write(path, bytes).unwrap();
}

/// Presentation times of the packets of a file, in seconds.
fn times(file: &Path) -> Vec<f64> {
    let said = quietly("ffprobe", "-v error -show_entries packet=pts_time -of csv=p=0 @0", &[file]);
    said.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

fn film(dir: &Path, picture: &str, sound: &str) -> PathBuf {
    let flv = dir.join("in.flv");
    let words = format!(
        "-v error -y -f lavfi -i testsrc2=s=320x180:r=30000/1001 -f lavfi -i sine=f=440:r=48000 -t 9 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p {picture} -c:a aac {sound} @0"
    );
    quietly("ffmpeg", &words, &[&flv]);
    flv
}

/// Every single segment behind its init, and all of them together, read and decode without a word.
fn holds(dir: &Path, packaged: &Packaged) {
    for (name, (init, segments)) in packaged {
        let file = dir.join(format!("{name}.mp4"));
        let mut packets = 0;
        for segment in segments.iter().filter(|segment| !segment.gap) {
            write(&file, init, std::slice::from_ref(segment));
            let times = times(&file);
            packets += times.len();
            let first = times.iter().copied().fold(f64::MAX, f64::min);
            let start = segment.start.since(Time::ZERO).as_secs_f64();
            assert!((first - start).abs() < 0.001, "{name} {}: {first} is not {start}", segment.msn);
        }
        write(&file, init, segments);
        assert_eq!(times(&file).len(), packets, "{name}");
        quietly("ffmpeg", "-v error -i @0 -f null -", &[&file]);
    }
}

#[test]
fn b_frames_and_44100_hz_stereo() {
    let dir = scratch("b_frames");
    let flv = film(&dir, "-bf 2 -g 60 -keyint_min 60 -sc_threshold 0", "-ar 44100 -ac 2");
    let frames = frames(&flv);
    let counts = |kind| frames.iter().filter(|(track, _)| track.kind() == kind).count();
    let (pictures, sounds) = (counts(Kind::Video), counts(Kind::Audio));
    let packaged = packaged(frames);
    holds(&dir, &packaged);
    let file = dir.join("v0.mp4");
    assert_eq!(times(&file).len(), pictures, "every picture that went in came out");
    assert!(times(&dir.join("a1.mp4")).len() + 2 >= sounds);
    // C5: the publisher's own times, to the millisecond of its clock.
    let (mut ours, mut theirs) = (times(&file), Vec::new());
    let said = quietly("ffprobe", "-v error -select_streams v -show_entries packet=pts_time -of csv=p=0 @0", &[&flv]);
    theirs.extend(said.lines().filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok()));
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 0.0011, "{ours} is not {theirs}");
    }
}

#[test]
fn no_b_frames_and_48000_hz_mono() {
    let dir = scratch("plain");
    let flv = film(&dir, "-tune zerolatency -profile:v baseline -g 30 -vf setsar=4/3", "-ar 48000 -ac 1");
    let packaged = packaged(frames(&flv));
    holds(&dir, &packaged);
    let said = quietly(
        "ffprobe",
        "-v error -show_entries stream=codec_name,profile,width,height,sample_aspect_ratio -of csv=p=0 @0",
        &[&dir.join("v0.mp4")],
    );
    assert_eq!(said.trim(), "h264,Constrained Baseline,320,180,4:3", "C15");
}

#[test]
fn silence_decodes_in_every_layout() {
    // A10: two seconds of sound are missing in the middle.
    for (name, words) in [("mono", "-ac 1"), ("stereo", "-ac 2"), ("surround", "-ac 6"), ("more", "-ac 8")] {
        let dir = scratch(&format!("silence_{name}"));
        let flv = film(&dir, "-g 60 -tune zerolatency", &format!("-ar 48000 {words}"));
        let mut frames = frames(&flv);
        let hole = Time::from_ticks(3, 1)..Time::from_ticks(5, 1);
        frames.retain(|(track, frame)| track.kind() == Kind::Video || !hole.contains(&frame.dts));
        let packaged = packaged(frames);
        holds(&dir, &packaged);
        let times = times(&dir.join("a1.mp4"));
        assert!(times.windows(2).all(|two| (two[1] - two[0] - 1024.0 / 48_000.0).abs() < 0.0001), "{name}: C7");
    }
}
