//! Sample entries, judged by ffmpeg: what its encoders make is put behind our inits and must decode without a word.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use media::codec::{Ac3, Flac, Hevc, Opus, Vp8, Vp9, hevc};
use media::{Codec, Track, TrackId};
use onair_wire::mp4::{Fragment, Sample, init};

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs ffmpeg or ffprobe; it must succeed and say nothing on its error output.
fn quietly(program: &str, words: &str, file: &Path) -> String {
    let output = Command::new(program).args(words.split_whitespace()).arg(file).output().expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{program} {words} said: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn encoded(name: &str, words: &str) -> Bytes {
    let file = scratch(name);
    quietly("ffmpeg", &format!("-v error -y {words}"), &file);
    std::fs::read(file).unwrap().into()
}

/// Puts samples behind an init, lets ffmpeg decode them and ffprobe say what they are.
fn judged(name: &str, codec: Codec, duration: u32, samples: Vec<(bool, Bytes)>) -> String {
    let file = scratch(name);
    let sample = |(is_sync, payload)| Sample { duration, composition: 0, is_sync, payload };
    let samples: Vec<Sample> = samples.into_iter().map(sample).collect();
    let all_sync = codec.sound().is_some();
    let mut bytes = init(&Track::source(TrackId(0), codec), 0).to_vec();
    bytes.extend(Fragment { sequence: 1, decode_time: 0, samples: &samples, all_sync }.to_bytes());
    std::fs::write(&file, bytes).unwrap();
    let decoded =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&file).args(["-f", "null", "-"]).output().unwrap();
    assert!(decoded.stderr.is_empty(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let words = "-v error -count_packets -show_entries \
                 stream=codec_name,profile,width,height,channels,sample_rate,nb_read_packets -of csv=p=0";
    quietly("ffprobe", words, &file)
}

#[test]
fn hevc_in_ten_bits() {
    // C9.
    let stream = encoded(
        "one.hevc",
        "-f lavfi -i testsrc2=s=320x180 -frames:v 1 -c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le",
    );
    let unit = hevc::AccessUnit::from_annex_b(&stream);
    let hevc = Hevc::from_parameter_sets(unit.vps, unit.sps, unit.pps).unwrap();
    assert_eq!((hevc.picture.width, hevc.picture.height), (320, 180));
    let said = judged("hevc.mp4", Codec::Hevc(hevc), 3000, vec![(unit.is_sync, unit.payload)]);
    assert_eq!(said, "hevc,Main 10,320,180,1");
}

/// The frames of an IVF file, and which of them are keyframes.
fn ivf_frames(ivf: &Bytes, is_keyframe: fn(&[u8]) -> bool) -> Vec<(bool, Bytes)> {
    let mut rest = ivf.slice(32..);
    let mut samples = Vec::new();
    while rest.len() > 12 {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let frame = rest.slice(12..12 + len);
        samples.push((is_keyframe(&frame), frame));
        rest = rest.slice(12 + len..);
    }
    samples
}

#[test]
fn vp9() {
    // C13.
    let ivf = encoded("vp9.ivf", "-f lavfi -i testsrc2=s=320x180 -frames:v 5 -c:v libvpx-vp9 -pix_fmt yuv420p");
    let samples = ivf_frames(&ivf, media::codec::vp9::is_keyframe);
    let vp9 = Vp9::from_config(&[0, 10, 0x82, 2, 2, 2, 0, 0], &samples[0].1).unwrap();
    let count = samples.len();
    assert_eq!(judged("vp9.mp4", Codec::Vp9(vp9), 3000, samples), format!("vp9,Profile 0,320,180,{count}"));
}

#[test]
fn vp9_in_ten_bits_and_4_4_4_tells_all_by_its_keyframe() {
    let ivf = encoded("deep.ivf", "-f lavfi -i testsrc2=s=320x180 -frames:v 1 -c:v libvpx-vp9 -pix_fmt yuv444p10le");
    let samples = ivf_frames(&ivf, media::codec::vp9::is_keyframe);
    let vp9 = Vp9::from_keyframe(&samples[0].1).unwrap();
    assert_eq!((vp9.profile, vp9.depth, vp9.chroma), (3, 10, 3));
    assert_eq!(judged("deep.mp4", Codec::Vp9(vp9), 3000, samples), "vp9,Profile 3,320,180,1");
}

#[test]
fn vp8() {
    let ivf = encoded("vp8.ivf", "-f lavfi -i testsrc2=s=320x180 -frames:v 5 -c:v libvpx -pix_fmt yuv420p");
    let samples = ivf_frames(&ivf, media::codec::vp8::is_keyframe);
    assert!(samples[0].0);
    let vp8 = Vp8::from_keyframe(&samples[0].1).unwrap();
    assert_eq!((vp8.picture.width, vp8.picture.height), (320, 180));
    let count = samples.len();
    assert_eq!(judged("vp8.mp4", Codec::Vp8(vp8), 3000, samples), format!("vp8,0,320,180,{count}"));
}

#[test]
fn ac3_and_eac3() {
    // C13.
    for (name, words, profile) in [
        ("ac3", "-ar 48000 -ac 6 -b:a 384k", "48000,6"),
        ("ac3", "-ar 44100 -ac 2 -b:a 192k", "44100,2"),
        ("ac3", "-ar 32000 -ac 1 -b:a 96k", "32000,1"),
        ("eac3", "-ar 48000 -ac 6 -b:a 256k", "48000,6"),
        ("eac3", "-ar 44100 -ac 2 -b:a 128k", "44100,2"),
    ] {
        let stream = encoded(
            &format!("sound.{name}"),
            &format!("-f lavfi -i sine=r=48000 -t 0.5 -c:a {name} {words} -f {name}"),
        );
        let is_start = |at: &usize| stream[*at..].starts_with(&[0x0b, 0x77]);
        let mut starts: Vec<_> = (0..stream.len()).filter(is_start).collect();
        starts.push(stream.len());
        let frames: Vec<_> = starts.windows(2).map(|pair| (true, stream.slice(pair[0]..pair[1]))).collect();
        let codec = Codec::Ac3(Ac3::from_frame(&frames[0].1).unwrap());
        assert!(frames.iter().all(|(_, frame)| codec.frame_ticks(frame) == Some(1536)), "{name} {words}");
        let count = frames.len();
        assert_eq!(judged("sound.mp4", codec, 1536, frames), format!("{name},unknown,{profile},{count},"));
    }
}

/// A10, C13: blocks of silence are FLAC that a decoder takes.
#[test]
fn flac_silence() {
    let mut info = vec![0x10, 0x00, 0x10, 0x00, 0, 0, 0, 0, 0, 0];
    info.extend((44_100u64 << 44 | 1 << 41 | 23 << 36).to_be_bytes());
    info.extend([0; 16]);
    let codec = Codec::Flac(Flac::from_config(&info).unwrap());
    let silence = codec.silence().unwrap();
    assert_eq!(codec.frame_ticks(&silence), Some(4096));
    let said = judged("flac.mp4", codec, 4096, vec![(true, silence); 10]);
    assert_eq!(said, "flac,unknown,44100,2,10");
}

/// A10.
#[test]
fn opus_silence() {
    let surround = Opus { channels: 6, mapping: (1, Bytes::from_static(&[4, 2, 0, 4, 1, 2, 3, 5])), ..Opus::plain(2) };
    for (opus, channels) in [(Opus::plain(1), 1), (Opus::plain(2), 2), (surround, 6)] {
        let codec = Codec::Opus(opus);
        let silence = codec.silence().unwrap();
        let said = judged("still.mp4", codec, 960, vec![(true, silence); 10]);
        assert_eq!(said, format!("opus,unknown,48000,{channels},10"));
    }
}

#[test]
fn opus() {
    // C11.
    let ogg = encoded("opus.ogg", "-f lavfi -i sine=r=48000 -t 0.5 -c:a libopus -b:a 64k -ac 2 -page_duration 1");
    // One packet on every page: header of 27 bytes and the table of segments.
    let mut rest = &ogg[..];
    let mut packets = Vec::new();
    while rest.len() > 27 {
        let segments = usize::from(rest[26]);
        let len: usize = rest[27..27 + segments].iter().map(|&byte| usize::from(byte)).sum();
        packets.push(Bytes::copy_from_slice(&rest[27 + segments..27 + segments + len]));
        rest = &rest[27 + segments + len..];
    }
    let opus = Opus::from_head(&packets[0]).unwrap();
    let samples: Vec<_> = packets.into_iter().skip(2).map(|packet| (true, packet)).collect();
    let codec = Codec::Opus(opus);
    assert!(samples.iter().all(|(_, packet)| codec.frame_ticks(packet) == Some(960)));
    let count = samples.len();
    assert_eq!(judged("opus.mp4", codec, 960, samples), format!("opus,unknown,48000,2,{count}"));
}
