//! The worker process of Onair's transcoder. Not for people: the server starts it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use onair_transcoder::pictures::{self, Devices};
use onair_transcoder::{Worker, pipe, sandbox, sound};
use rustix::process::Signal;
use transcode::protocol::Report;
use transcode::protocol::pictures::Hardware;

fn main() -> ExitCode {
    if std::io::stdin().is_terminal() {
        eprintln!("onair-transcoder is started by `onair`, with a socket as its standard input");
        return ExitCode::from(2);
    }
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), Box<dyn std::error::Error>> {
    // A server that dies leaves nobody behind, not even one that hangs.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let Arguments { kind, memory_bytes, hardware, device } = arguments()?;
    // So that its errors have words.
    ffmpeg_next::init()?;
    let (mut ear, mouth) = pipe::open(std::io::stdin().as_fd().try_clone_to_owned()?);
    let devices = match kind.as_str() {
        "pictures" => {
            pictures::warm_up()?;
            Devices::open(hardware, device)
        }
        _ => {
            sound::Encoder::warm_up()?;
            Devices::default()
        }
    };
    let has_landlock = sandbox::enter(&sandbox::Limits { memory_bytes, devices: devices.files() })?;
    mouth.say(&Report::Ready { has_landlock })?;
    let mut worker = Worker::new(mouth.clone(), devices);
    while let Some(order) = ear.receive(|| worker.rested())? {
        if let Err(error) = worker.handle(order) {
            mouth.say(&Report::Failed { what: error.to_string() })?;
            return Err(error.into());
        }
    }
    Ok(())
}

/// What kind of work to get ready for, and what may be used.
struct Arguments {
    kind: String,
    memory_bytes: u64,
    hardware: Hardware,
    device: Option<PathBuf>,
}

/// As in `pictures --memory=1073741824 --hardware=vaapi --device=/dev/dri/renderD128`.
fn arguments() -> Result<Arguments, Box<dyn std::error::Error>> {
    let memory_bytes = sandbox::Limits::default().memory_bytes;
    let mut arguments = Arguments { kind: String::new(), memory_bytes, hardware: Hardware::None, device: None };
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--memory", bytes)) => arguments.memory_bytes = bytes.parse()?,
            Some(("--hardware", name)) => arguments.hardware = Hardware::of(name).ok_or("no such hardware")?,
            Some(("--device", node)) => arguments.device = Some(node.into()),
            _ => arguments.kind = argument,
        }
    }
    Ok(arguments)
}
