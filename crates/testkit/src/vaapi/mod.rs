//! A graphics card made of memory: a driver of VA-API that needs no hardware (`driver.c`), under the real libva and the real FFmpeg.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The driver, built.
pub struct Driver {
    dir: PathBuf,
}

static BUILT: AtomicU32 = AtomicU32::new(0);

/// What that driver takes for a device.
pub const DEVICE: &str = "/dev/null";

impl Driver {
    /// Builds it below a directory. `None`, with a word on why, where there is no C compiler, no header of libva or no FFmpeg that
    /// knows VAAPI.
    pub fn build(below: &Path) -> Option<Self> {
        let known = Command::new("ffmpeg").args(["-hide_banner", "-v", "error", "-encoders"]).output().ok()?;
        if !String::from_utf8_lossy(&known.stdout).contains("h264_vaapi") {
            eprintln!("skipped: FFmpeg here knows no VAAPI");
            return None;
        }
        // Of this one alone, as others may be building it too.
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let dir = below.join(format!("vaapi-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory for the driver");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vaapi/driver.c");
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", source, "-o"]);
        let built = cc.arg(dir.join("onair_drv_video.so")).output();
        match built {
            Ok(built) if built.status.success() => {
                // Another file, so that the driver itself is loaded when libva asks for it, or cannot be.
                std::fs::copy(dir.join("onair_drv_video.so"), dir.join("before.so")).expect("a copy of the driver");
                Some(Self { dir })
            }
            Ok(built) => {
                let said = String::from_utf8_lossy(&built.stderr).into_owned();
                assert!(said.contains("va/va") && said.contains("No such file"), "{said}");
                eprintln!("skipped: the headers of libva are missing (Debian: libva-dev)");
                None
            }
            Err(error) => {
                eprintln!("skipped: no C compiler: {error}");
                None
            }
        }
    }

    /// What a program must find in its environment to have that card.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        let dir = self.dir.display();
        [
            ("LIBVA_DRIVER_NAME", "onair".into()),
            ("LIBVA_DRIVERS_PATH", dir.to_string()),
            ("LD_PRELOAD", format!("{dir}/before.so")),
        ]
    }

    /// A program that is that worker with that card, as a server leaves its workers no environment; and with what else the driver
    /// shall know.
    pub fn worker(&self, program: &Path, name: &str, more: &[(&str, &str)]) -> PathBuf {
        let own = self.environment();
        let all = own.iter().map(|(key, value)| (*key, value.as_str())).chain(more.iter().copied());
        let exports: String = all.map(|(key, value)| format!("export {key}='{value}'\n")).collect();
        let script = self.dir.join(name);
        std::fs::write(&script, format!("#!/bin/sh\n{exports}exec '{}' \"$@\"\n", program.display()))
            .expect("a script");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script that runs");
        script
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
