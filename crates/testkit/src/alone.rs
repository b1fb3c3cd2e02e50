use std::fs::File;
use std::path::Path;

/// Held by the one test that may use the machine now.
pub struct Alone(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Waits until no other heavy test runs, in this process or another.
///
/// Latency and memory figures mean nothing while three encoders fight over two cores; a lock on a file holds under
/// every test runner.
pub fn alone() -> Alone {
    let file = File::create(Path::new(&std::env::temp_dir()).join("onair-testkit.lock")).expect("a lock file");
    file.lock().expect("the lock");
    Alone(file)
}

/// `ONAIR_MEASURE=1`: the machine has nothing else to do, so that figures of time are held to the letter.
pub fn measuring() -> bool {
    std::env::var("ONAIR_MEASURE").is_ok_and(|value| value == "1")
}
