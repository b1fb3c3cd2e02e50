//! ffmpeg as a publisher and ffprobe as a judge.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// What an H.264 encoder is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Video {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Frames a second.
    pub rate: f64,
    /// Frames from keyframe to keyframe.
    pub gop: u32,
    /// B-frames in a row.
    pub bframes: u32,
    /// Kilobits a second.
    pub rate_kbps: u32,
}

impl Default for Video {
    fn default() -> Self {
        Self { width: 320, height: 180, rate: 30.0, gop: 60, bframes: 0, rate_kbps: 300 }
    }
}

impl Video {
    /// The arguments that ask ffmpeg for it.
    pub fn encoder(&self) -> Vec<String> {
        let Self { gop, bframes, rate_kbps, .. } = self;
        let words = format!(
            "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g {gop} -keyint_min {gop} \
             -sc_threshold 0 -bf {bframes} -b:v {rate_kbps}k -maxrate {rate_kbps}k -bufsize {rate_kbps}k"
        );
        words.split(' ').map(str::to_owned).collect()
    }
}

/// What an AAC encoder is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Audio {
    /// Samples a second.
    pub rate_hz: u32,
    /// 1 or 2.
    pub channels: u32,
}

impl Default for Audio {
    fn default() -> Self {
        Self { rate_hz: 48_000, channels: 2 }
    }
}

impl Audio {
    /// The arguments that ask ffmpeg for it.
    pub fn encoder(&self) -> Vec<String> {
        let words = format!("-c:a aac -b:a 96k -ar {} -ac {}", self.rate_hz, self.channels);
        words.split(' ').map(str::to_owned).collect()
    }
}

/// A synthetic picture and sound, made by ffmpeg itself.
#[derive(Clone, Debug)]
pub struct Source {
    /// The picture, if any.
    pub video: Option<Video>,
    /// The sound, if any.
    pub audio: Option<Audio>,
    /// Ends by itself after so many seconds.
    pub secs: Option<f64>,
}

impl Default for Source {
    fn default() -> Self {
        Self { video: Some(Video::default()), audio: Some(Audio::default()), secs: None }
    }
}

impl Source {
    /// Publishes in real time to an RTMP URL.
    pub fn publish(&self, url: &str) -> Publisher {
        let mut ffmpeg = self.command(true);
        ffmpeg.args(["-f", "flv", "-flvflags", "no_duration_filesize", url]);
        Publisher(ffmpeg.spawn().expect("ffmpeg is installed"))
    }

    /// Encodes into an FLV file as fast as the machine can.
    pub fn encode(&self, file: &Path) {
        assert!(self.secs.is_some(), "a file has an end");
        let mut ffmpeg = self.command(false);
        let done = ffmpeg.arg("-y").args(["-f", "flv"]).arg(file).status().expect("ffmpeg is installed");
        assert!(done.success(), "ffmpeg could not encode {self:?}");
    }

    fn command(&self, real_time: bool) -> Command {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
        let mut input = |graph: String| {
            if real_time {
                ffmpeg.arg("-re");
            }
            ffmpeg.args(["-f", "lavfi", "-i", &graph]);
        };
        if let Some(Video { width, height, rate, .. }) = &self.video {
            input(format!("testsrc2=size={width}x{height}:rate={rate}"));
        }
        if let Some(audio) = &self.audio {
            input(format!("sine=frequency=440:beep_factor=4:sample_rate={}", audio.rate_hz));
        }
        if let Some(secs) = self.secs {
            ffmpeg.args(["-t", &secs.to_string()]);
        }
        if let Some(video) = &self.video {
            ffmpeg.args(video.encoder());
        }
        if let Some(audio) = &self.audio {
            ffmpeg.args(audio.encoder());
        }
        ffmpeg.stdin(Stdio::null()).stdout(Stdio::null());
        ffmpeg
    }
}

/// A running ffmpeg; killed when dropped.
pub struct Publisher(Child);

impl Publisher {
    /// Takes a process under the same care.
    pub fn from_child(child: Child) -> Self {
        Self(child)
    }

    /// Ends it without a word to the server, like a power cut.
    pub fn kill(mut self) {
        self.stop();
    }

    /// Whether it is still at it.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Waits for its end and says whether all went well.
    pub fn wait(mut self) -> bool {
        self.0.wait().is_ok_and(|status| status.success())
    }

    fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An ffmpeg of version 9 or later, which speaks Enhanced RTMP with several tracks and brings encoders that a
/// distribution's own may lack: `ONAIR_FFMPEG9`, or the one that the package `imageio-ffmpeg` has put into the virtual
/// environment `tools/ffmpeg` of the target directory. `None` where there is neither; the reason is printed.
pub fn modern() -> Option<PathBuf> {
    if let Some(named) = env::var_os("ONAIR_FFMPEG9") {
        return Some(named.into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let lib = target.join("tools/ffmpeg/lib");
    let pythons = fs::read_dir(&lib).into_iter().flatten().flatten();
    let found = pythons.map(|python| python.path().join("site-packages/imageio_ffmpeg/binaries")).find_map(|dir| {
        let files = fs::read_dir(dir).ok()?.flatten();
        files
            .map(|file| file.path())
            .find(|path| path.file_name().is_some_and(|name| is_program(&name.to_string_lossy())))
    });
    if found.is_none() {
        eprintln!("skipped: no ffmpeg 9 in {} nor in ONAIR_FFMPEG9", lib.display());
    }
    found
}

fn is_program(name: &str) -> bool {
    name.starts_with("ffmpeg-")
}

/// All that `ffprobe -v error` finds wrong with a file, having decoded its headers and counted its packets.
pub fn complaints(file: &Path) -> String {
    let args = ["-v", "error", "-count_packets", "-show_entries", "stream=codec_name", "-of", "csv"];
    let probe = Command::new("ffprobe").args(args).arg(file).output().expect("ffprobe is installed");
    let mut said = String::from_utf8_lossy(&probe.stderr).into_owned();
    if !probe.status.success() || probe.stdout.is_empty() {
        said.push_str("ffprobe found no stream\n");
    }
    said
}

/// All that ffmpeg finds wrong while it decodes every frame of a file.
pub fn decoding_complaints(file: &Path) -> String {
    let args = ["-nostdin", "-v", "error", "-xerror", "-i"];
    let decode = Command::new("ffmpeg").args(args).arg(file).args(["-f", "null", "-"]).output();
    String::from_utf8_lossy(&decode.expect("ffmpeg is installed").stderr).into_owned()
}
