use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffmpeg_next::Rational;
use ffmpeg_next::frame;
use hardware::Device;
use media::Time;
use transcode::protocol::pictures::{Coding, Effort, Hardware, Rung};

use super::Encoder;
use super::cascade::FORMAT;
use super::encode::Place;
use crate::Error;

/// What of the machine's hardware is there to encode with. It is opened, and its drivers are loaded, before the worker locks itself
/// in: within the walls no library can be loaded.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    hardware: Option<Hardware>,
    node: Option<PathBuf>,
    vaapi: Option<Arc<Result<Device, String>>>,
}

/// The picture that hardware is tried with: one that is too small is refused.
const TRIED: (u16, u16) = (640, 360);

impl Devices {
    /// Opens what that hardware encodes with: by VAAPI the device of that name, or else the first. What is not there is found out
    /// when a rung wants it, which the processor then makes.
    pub fn open(hardware: Hardware, node: Option<PathBuf>) -> Self {
        let mut devices = Self { hardware: Some(hardware), node: None, vaapi: None };
        match hardware {
            Hardware::None => {}
            Hardware::Nvenc => {
                // They are let go and asked for again with each encoder; what is missing is told by then.
                for library in [c"libcuda.so.1", c"libnvidia-encode.so.1"] {
                    let _ = hardware::keep_library(library);
                }
                let _ = devices.try_out();
            }
            Hardware::Qsv => {
                if let Ok(encoder) = devices.try_out() {
                    // For as long as the process lives, and with it what it has loaded.
                    std::mem::forget(encoder);
                }
            }
            Hardware::Vaapi => {
                devices.node = node.or_else(hardware::first_render_node);
                let opened = match &devices.node {
                    Some(node) => Device::vaapi(node).map_err(|error| error.to_string()),
                    None => Err("there is no /dev/dri/renderD*".into()),
                };
                devices.vaapi = Some(Arc::new(opened));
                // Drivers load some of what they need when it is needed.
                let _ = devices.try_out();
            }
        }
        devices
    }

    /// The files that it takes, of those that are there.
    pub fn files(&self) -> Vec<PathBuf> {
        let files: Vec<&Path> = match self.hardware {
            None | Some(Hardware::None) => Vec::new(),
            Some(Hardware::Nvenc) => {
                ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"].map(Path::new).into()
            }
            Some(Hardware::Qsv) => ["/dev/dri", "/sys/class/drm"].map(Path::new).into(),
            Some(Hardware::Vaapi) => self.node.as_deref().into_iter().collect(),
        };
        files.into_iter().filter(|file| file.exists()).map(Path::to_owned).collect()
    }

    /// The device that encodes by VAAPI.
    pub(super) fn vaapi(&self) -> Result<&Device, Error> {
        match self.vaapi.as_deref() {
            Some(Ok(device)) => Ok(device),
            Some(Err(why)) => Err(Error(why.clone())),
            None => Err(Error("no device was asked for".into())),
        }
    }

    /// Encodes a picture by it, if it can.
    fn try_out(&self) -> Result<Encoder, Error> {
        let (width, height) = TRIED;
        let rung = Rung {
            id: 1,
            coding: Coding::H264,
            width,
            height,
            bitrate_bps: 1_000_000,
            most_fps: 0,
            effort: Effort::Low,
            for_webrtc: false,
            hardware: self.hardware.unwrap_or(Hardware::None),
        };
        let mut picture = frame::Video::new(FORMAT, width.into(), height.into());
        let mut encoder = Encoder::open(&rung, &picture, Rational(30, 1), rung.bitrate_bps, self, &mut Vec::new())?;
        encoder.encode(&mut picture, Place { at: Time::ZERO, epoch: 0 }, true, &mut Vec::new())?;
        Ok(encoder)
    }
}
