//! The worker process of Onair's transcoder. Not for people: the server starts it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::process::ExitCode;

use onair_transcoder::{Worker, pictures, pipe, sandbox, sound};
use rustix::process::Signal;
use transcode::protocol::Report;

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
    let (kind, limits) = arguments()?;
    let (mut ear, mouth) = pipe::open(std::io::stdin().as_fd().try_clone_to_owned()?);
    match kind.as_str() {
        "pictures" => pictures::warm_up()?,
        _ => sound::Encoder::warm_up()?,
    }
    let has_landlock = sandbox::enter(&limits)?;
    mouth.say(&Report::Ready { has_landlock })?;
    let mut worker = Worker::new(mouth.clone());
    while let Some(order) = ear.receive(|| worker.rested())? {
        if let Err(error) = worker.handle(order) {
            mouth.say(&Report::Failed { what: error.to_string() })?;
            return Err(error.into());
        }
    }
    Ok(())
}

/// What kind of work to get ready for, and what may be used: `pictures --memory=1073741824 --devices`.
fn arguments() -> Result<(String, sandbox::Limits), Box<dyn std::error::Error>> {
    let mut limits = sandbox::Limits::default();
    let mut kind = String::new();
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix("--memory=") {
            Some(bytes) => limits.memory_bytes = bytes.parse()?,
            None if argument == "--devices" => limits.devices = true,
            None => kind = argument,
        }
    }
    Ok((kind, limits))
}
