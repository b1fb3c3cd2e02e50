//! The worker process of Onair's transcoder. Not for people: the server starts it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::process::ExitCode;

use onair_transcoder::{Worker, pipe, sandbox};
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
    let (mut ear, mouth) = pipe::open(std::io::stdin().as_fd().try_clone_to_owned()?);
    onair_transcoder::sound::Encoder::warm_up()?;
    let has_landlock = sandbox::enter(&sandbox::Limits::default())?;
    mouth.say(&Report::Ready { has_landlock })?;
    let mut worker = Worker::new(mouth.clone());
    while let Some(order) = ear.receive()? {
        if let Err(error) = worker.handle(order) {
            mouth.say(&Report::Failed { what: error.to_string() })?;
            return Err(error.into());
        }
    }
    Ok(())
}
