//! Refuses to go on without the built pages, and builds this crate again when they change.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    if dist.join("publish.html").is_file() {
        ExitCode::SUCCESS
    } else {
        println!("cargo::error=the pages are not built: run ./dev setup");
        ExitCode::FAILURE
    }
}
