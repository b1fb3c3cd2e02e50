//! Players by RTMP and HTTP-FLV: what ffmpeg reads of what ffmpeg sent (R22, A8, F1, P19).

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::Server;
use testkit::ffmpeg::modern;

use crate::codecs::{SVT, VP9, X265, publish};
use crate::server;

const SOURCE: &str = "-re -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=sample_rate=48000";
const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 30 -sc_threshold 0 -pix_fmt yuv420p -c:a aac";

/// One packet as ffprobe read it, in seconds.
#[derive(Clone, Copy, Debug)]
struct Packet {
    dts: f64,
    pts: f64,
    is_key: bool,
}

/// Pictures and sound that ffprobe reads in so many seconds of the stream.
fn probe(url: &str, secs: u32) -> [Vec<Packet>; 2] {
    let entries = "packet=codec_type,pts_time,dts_time,flags";
    let interval = format!("%+{secs}");
    let args = ["-v", "error", "-of", "csv=p=0", "-read_intervals", &interval, "-show_entries", entries, url];
    let output = Command::new("ffprobe").args(args).stdin(Stdio::null()).output().expect("ffprobe is installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{url}");
    let mut packets = [Vec::new(), Vec::new()];
    // Where parameters change, a line of its own says so.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in text.lines().filter(|line| line.starts_with("video,") || line.starts_with("audio,")) {
        let fields: Vec<_> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().unwrap_or_else(|_| panic!("{url}: {line}"));
        let packet = Packet { pts: number(1), dts: number(2), is_key: fields[3].starts_with('K') };
        packets[usize::from(fields[0] == "audio")].push(packet);
    }
    packets
}

/// What ffmpeg says of a stream of which it decodes two seconds.
fn decode(ffmpeg: &Path, options: &str, url: &str) -> String {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner"]).args(options.split_whitespace());
    let output = command.args(["-i", url, "-t", "2", "-f", "null", "-"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{url}: {said}");
    said
}

fn addresses(server: &Server, path: &str) -> [String; 2] {
    [server.rtmp_url(path), format!("http://{}/flv/{path}", server.http)]
}

fn never_back(packets: &[Packet]) {
    let back = packets.windows(2).find(|two| two[1].dts <= two[0].dts);
    assert!(back.is_none(), "{back:?}");
}

/// R22: from a keyframe at zero, B-frames in their places, at once; and beside one who takes nothing (F1).
#[test]
fn ffmpeg_plays_from_a_keyframe_at_zero() {
    let server = server(&[]);
    let _publisher = publish(Path::new("ffmpeg"), &format!("{SOURCE} {X264}"), &server.rtmp_url("live/a"));
    server.await_stream("live/a");
    let mut idle = TcpStream::connect(server.http).expect("it listens");
    idle.write_all(b"GET /flv/live/a HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    thread::scope(|scope| {
        for url in addresses(&server, "live/a") {
            scope.spawn(move || {
                let [pictures, sounds] = probe(&url, 2);
                assert!(pictures[0].is_key && pictures[0].dts == 0.0, "{url}: {:?}", pictures[0]);
                assert!(sounds[0].dts < 0.03, "{url}: {:?}", sounds[0]);
                assert!(pictures.len() >= 55 && sounds.len() >= 85, "{url}: {} {}", pictures.len(), sounds.len());
                never_back(&pictures);
                never_back(&sounds);
                // Shown every 33 ms, in the order that the encoder meant.
                let mut shown: Vec<_> = pictures.iter().map(|picture| picture.pts).collect();
                assert!(!shown.is_sorted(), "{url}: B-frames");
                shown.sort_by(f64::total_cmp);
                let steps = shown[..50].windows(2).map(|two| two[1] - two[0]);
                steps.for_each(|step| assert!((step - 1.0 / 30.0).abs() < 0.002, "{url}: {step}"));
                let said = decode(Path::new("ffmpeg"), "-v error", &url);
                assert_eq!(said, "", "{url}");
            });
        }
    });
    let [rtmp, http] = addresses(&server, "live/nobody");
    for (url, said) in [(rtmp, "There is no such stream."), (http, "404")] {
        let args = ["-nostdin", "-v", "error", "-i", &url, "-f", "null", "-"];
        let output = Command::new("ffmpeg").args(args).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(said), "{text}");
    }
}

/// A8: one player sees the publisher killed and back, its clock at zero and its picture another.
#[test]
fn a_player_goes_on_when_the_publisher_comes_back() {
    let server = server(&[]);
    let words = format!("{SOURCE} {X264}");
    let first = publish(Path::new("ffmpeg"), &words, &server.rtmp_url("live/a"));
    server.await_stream("live/a");
    thread::scope(|scope| {
        let players = addresses(&server, "live/a").map(|url| {
            scope.spawn(move || {
                let packets = probe(&url, 7);
                packets.iter().for_each(|packets| never_back(packets));
                let [pictures, _] = packets;
                let holes: Vec<_> = pictures.windows(2).filter(|two| two[1].dts - two[0].dts > 0.5).collect();
                assert_eq!(holes.len(), 1, "{url}: {holes:?}");
                let [before, after] = holes[0] else { unreachable!() };
                assert!(after.is_key && after.dts - before.dts < 5.0, "{url}: {holes:?}");
                let last = pictures.last().expect("pictures");
                assert!(last.dts > after.dts + 1.0, "{url}: it goes on");
            })
        });
        thread::sleep(Duration::from_secs(2));
        first.kill();
        thread::sleep(Duration::from_secs(1));
        let words = words.replace("320x180", "640x360");
        let _second = publish(Path::new("ffmpeg"), &words, &server.rtmp_url("live/a"));
        players.into_iter().for_each(|player| player.join().expect("it plays on"));
    });
}

/// P19, R16, R22: new codecs go to players that declare them, and to those by HTTP that cannot; others get what they take.
#[test]
fn new_codecs_go_to_players_that_take_them_and_others_get_what_they_take() {
    let Some(ffmpeg) = modern() else { return };
    let server = server(&[]);
    let streams = [("hevc", X265, "opus"), ("av1", SVT, "opus"), ("vp9", VP9, "flac")];
    let publishers = streams.map(|(name, video, audio)| {
        let words = format!("{SOURCE} {video} -c:a {}", if audio == "opus" { "libopus" } else { audio });
        publish(&ffmpeg, &words, &server.rtmp_url(&format!("live/{name}")))
    });
    thread::scope(|scope| {
        for (name, _, audio) in streams {
            let (server, ffmpeg) = (&server, &ffmpeg);
            scope.spawn(move || {
                let path = format!("live/{name}");
                server.await_stream(&path);
                for (url, options) in
                    addresses(server, &path).into_iter().zip(["-rtmp_enhanced_codecs hvc1,av01,vp09,Opus,fLaC", ""])
                {
                    let said = decode(ffmpeg, options, &url);
                    let is_there =
                        said.contains(&format!("Video: {name}")) && said.contains(&format!("Audio: {audio}"));
                    assert!(is_there && !said.contains("rror"), "{url}: {said}");
                }
            });
        }
    });
    let said = decode(Path::new("ffmpeg"), "", &server.rtmp_url("live/hevc"));
    assert!(said.contains("Video: h264") && said.contains("Audio: aac") && !said.contains("rror"), "{said}");
    drop(publishers);
}
