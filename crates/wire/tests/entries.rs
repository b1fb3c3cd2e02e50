//! Sample entries, judged by ffmpeg: what its encoders make is put behind our inits and must decode without a word.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use media::codec::{Hevc, Opus, Vp9, hevc};
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

#[test]
fn vp9() {
    // C13.
    let ivf = encoded("vp9.ivf", "-f lavfi -i testsrc2=s=320x180 -frames:v 5 -c:v libvpx-vp9 -pix_fmt yuv420p");
    let mut rest = ivf.slice(32..);
    let mut samples = Vec::new();
    while rest.len() > 12 {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let frame = rest.slice(12..12 + len);
        samples.push((media::codec::vp9::is_keyframe(&frame), frame));
        rest = rest.slice(12 + len..);
    }
    let vp9 = Vp9::from_config(&[0, 10, 0x82, 2, 2, 2, 0, 0], &samples[0].1).unwrap();
    let count = samples.len();
    assert_eq!(judged("vp9.mp4", Codec::Vp9(vp9), 3000, samples), format!("vp9,Profile 0,320,180,{count}"));
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
