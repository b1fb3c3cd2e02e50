//! Every shape of publisher through ffprobe, and every sample against what was published.

use std::fs;
use std::path::Path;
use std::thread;

use testkit::Server;
use testkit::ffmpeg::{Audio, Source, Video, complaints, decoding_complaints};
use testkit::flv::{self, Kind, Tag};
use testkit::mp4::{self, Sample};
use testkit::rtmp::Publisher;

use crate::{scratch, server};

struct Shape {
    name: String,
    source: Source,
}

fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |name: &str, video: Option<Video>, audio: Option<Audio>, secs: f64| {
        shapes.push(Shape { name: name.into(), source: Source { video, audio, secs: Some(secs) } });
    };
    for bframes in [0, 2] {
        for rate_hz in [44_100, 48_000] {
            for channels in [1, 2] {
                let video = Video { bframes, ..Video::default() };
                add(&format!("b{bframes}-{rate_hz}-{channels}"), Some(video), Some(Audio { rate_hz, channels }), 14.0);
            }
        }
    }
    add("audio-only", None, Some(Audio::default()), 14.0);
    add("video-only", Some(Video { bframes: 2, ..Video::default() }), None, 14.0);
    add("long-gop", Some(Video { gop: 300, ..Video::default() }), Some(Audio::default()), 24.0);
    add("one-fps", Some(Video { rate: 1.0, gop: 2, ..Video::default() }), Some(Audio::default()), 14.0);
    add("fast", Some(Video { rate: 120.0, gop: 240, ..Video::default() }), Some(Audio::default()), 14.0);
    shapes
}

/// C2–C7, C16, H13, H25, A11, A13: nothing to complain of, nothing lost, nothing moved.
#[test]
fn ffprobe_has_nothing_to_say_about_any_shape_of_publisher() {
    let dir = scratch("shapes");
    let server = server(&[]);
    thread::scope(|scope| {
        for shape in shapes() {
            let (dir, server) = (&dir, &server);
            scope.spawn(move || {
                let file = dir.join(format!("{}.flv", shape.name));
                shape.source.encode(&file);
                let tags = flv::read(&file);
                let path = format!("live/{}", shape.name);
                let mut publisher = Publisher::publish(server.rtmp, "live", &shape.name).expect("published");
                publisher.play(&tags, 1.0, |tag| Some(tag.time_ms)).expect("sent");
                let moved = [
                    shape.source.video.map(|video| check_video(server, &path, &tags, dir, &video)),
                    shape.source.audio.map(|audio| check_audio(server, &path, &tags, dir, &audio)),
                ];
                if let [Some(video), Some(audio)] = moved {
                    let apart = (video - audio).abs();
                    assert!(apart < 0.024, "{path}: lips and voices are {apart} s apart (C5, C12)");
                }
            });
        }
    });
}

/// What came out of a rendition.
struct Media {
    scale: u32,
    /// Decode time of the first sample, in ticks.
    start: u64,
    /// Ticks that the edit list takes off every time shown.
    edit: u64,
    samples: Vec<Sample>,
}

/// Every picture is shown when the publisher said, but for a shift of all: how much that is, in seconds.
fn check_video(server: &Server, path: &str, tags: &[Tag], dir: &Path, video: &Video) -> f64 {
    let Media { scale, start, edit, samples } = check_rendition(server, path, 'v', dir, 1.0 / video.rate);
    assert_eq!(scale % 30, 0, "{path}: a scale that holds whole frames (C7)");
    let frames: Vec<_> = tags.iter().filter(|tag| tag.kind == Kind::Video && tag.body.get(1) == Some(&1)).collect();
    // What may be missing is the open segment: a GOP or two seconds, and the frame whose length is not known yet.
    let open = f64::from(video.gop).max(2.0 * video.rate) + video.rate;
    assert!(samples.len() as f64 > frames.len() as f64 - open, "{path}: {} of {}", samples.len(), frames.len());

    let mut shift = None;
    let mut at = start as i64 - edit as i64;
    for (i, (sample, frame)) in samples.iter().zip(&frames).enumerate() {
        let [a, b, c] = [frame.body[2], frame.body[3], frame.body[4]];
        let said_ms = i64::from(frame.time_ms) + i64::from(i32::from_be_bytes([a, b, c, 0]) >> 8);
        let shown_s = (at + i64::from(sample.offset)) as f64 / f64::from(scale);
        let moved = shown_s - said_ms as f64 / 1000.0;
        let off = moved - *shift.get_or_insert(moved);
        // The publisher's clock counts milliseconds; neither its rounding nor ours may gather (A3).
        assert!(off.abs() < 0.0021, "{path}: frame {i} is off by {off} s (C5)");
        assert_eq!(sample.sync, frame.is_key(), "{path}: sync flag of frame {i} (C4)");
        assert_eq!(sample.size as usize, frame.body.len() - 5, "{path}: bytes of frame {i}");
        at += i64::from(sample.duration);
    }
    shift.expect("pictures")
}

/// Sound counts in samples from where the publisher said it begins: how far it was shifted, in seconds.
fn check_audio(server: &Server, path: &str, tags: &[Tag], dir: &Path, audio: &Audio) -> f64 {
    let Media { scale, start, edit, samples } =
        check_rendition(server, path, 'a', dir, 1024.0 / f64::from(audio.rate_hz));
    assert_eq!((scale, edit), (audio.rate_hz, 0), "{path}: audio counts samples (C7)");
    assert!(samples.iter().all(|sample| sample.duration == 1024 && sample.offset == 0), "{path}: 1024 exactly (C7)");
    assert!(samples.len() as u32 * 1024 > 10 * audio.rate_hz, "{path}: {} frames of sound", samples.len());

    // Where the packager began is told by the first frame's size and the sizes after it.
    let frames: Vec<_> = tags.iter().filter(|tag| tag.kind == Kind::Audio && !tag.is_header()).collect();
    let sizes: Vec<_> = samples.iter().map(|sample| sample.size as usize).collect();
    let first = (0..frames.len()).find(|&i| {
        let run = &frames[i..];
        run.len() >= sizes.len() && sizes.iter().zip(run).all(|(size, frame)| frame.body.len() - 2 == *size)
    });
    let first = first.unwrap_or_else(|| panic!("{path}: not every frame of sound came through"));
    start as f64 / f64::from(scale) - f64::from(frames[first].time_ms) / 1000.0
}

/// Fetches all that a rendition lists, puts it before ffprobe, and returns its samples.
fn check_rendition(server: &Server, path: &str, kind: char, dir: &Path, frame: f64) -> Media {
    let name = &server.name(path, kind);
    let list = server.media(path, name);
    assert!(!list.segments.is_empty(), "{path}/{name} lists nothing");
    let init = server.fetch(path, list.segments[0].map.as_deref().expect("a MAP"));
    let (scale, edit) = (mp4::timescale(&init), mp4::edit_start(&init));
    let slug = format!("{}-{name}", path.replace('/', "-"));
    let judge = |what: &str, bytes: &[u8]| {
        let file = dir.join(format!("{slug}-{what}.mp4"));
        fs::write(&file, [&init, bytes].concat()).expect("a file");
        let said = complaints(&file);
        assert_eq!(said, "", "ffprobe about {} (C16)", file.display());
        file
    };

    let mut all = Vec::new();
    let mut samples: Vec<Sample> = Vec::new();
    let (mut start, mut next, mut sequence) = (None, None, None);
    for segment in &list.segments {
        let bytes = server.fetch(path, &segment.uri);
        let parts: Vec<_> = segment.parts.iter().flat_map(|part| server.fetch(path, &part.uri)).collect();
        assert!(segment.parts.is_empty() || parts == bytes, "{slug}: parts of {} make the segment (H25)", segment.msn);
        let mut length = 0;
        for fragment in mp4::fragments(&bytes) {
            assert!(next.is_none_or(|next| next == fragment.start), "{slug}: a hole before {} (C3)", fragment.start);
            assert!(sequence.is_none_or(|before| before < fragment.sequence), "{slug}: mfhd rises (C2)");
            assert!(fragment.samples.iter().all(|sample| sample.duration > 0), "{slug}: a sample of no length (C6)");
            length += fragment.duration();
            start.get_or_insert(fragment.start);
            next = Some(fragment.start + fragment.duration());
            sequence = Some(fragment.sequence);
            samples.extend(&fragment.samples);
        }
        let off = (length as f64 / f64::from(scale) - segment.duration).abs();
        assert!(off <= frame, "{slug}: EXTINF of {} is off by {off} s (H13)", segment.msn);
        judge(&segment.msn.to_string(), &bytes);
        all.extend(bytes);
    }
    let whole = judge("all", &all);
    assert_eq!(decoding_complaints(&whole), "", "ffmpeg about {}", whole.display());
    Media { scale, start: start.expect("a fragment"), edit, samples }
}
