//! Holds the house to ARCHITECTURE.md: imports run down only, and machines own no socket and no clock.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every crate of ours and what of ours it may import: the table of ARCHITECTURE.md, "Floors".
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("media", &[]),
    ("wire", &["media"]),
    ("hub", &["media"]),
    ("config", &["media"]),
    ("proto", &["media", "wire"]),
    ("package", &["media", "wire", "hub"]),
    ("tls", &["config"]),
    ("pages", &[]),
    ("gateway-rtmp", &["media", "wire", "hub", "config", "proto", "package", "tls", "pages"]),
    ("gateway-webrtc", &["media", "wire", "hub", "config", "proto", "package", "tls", "pages"]),
    ("gateway-http", &["media", "wire", "hub", "config", "proto", "package", "tls", "pages"]),
    ("origin", &["media", "wire", "hub", "config", "proto", "package"]),
    ("transcode", &["media", "hub", "config"]),
    ("hardware", &[]),
    ("testkit", &[]),
    ("bench", &["media", "wire", "proto"]),
    ("control", &["media", "wire", "hub", "config", "proto", "package"]),
];

/// Crates that turn bytes and frames into each other, or keep them: time is an argument, and no socket is theirs.
const WITHOUT_SOCKET_AND_CLOCK: &[&str] = &["media", "wire", "hub", "config", "proto", "package"];

const SOCKETS_AND_CLOCKS: &[&str] = &[
    "tokio::net",
    "tokio::time",
    "tokio::spawn",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "thread::sleep",
];

/// `Now::from_clocks` reads the clocks for a gateway that has nothing else to do with them; the hub itself never calls it.
const READS_CLOCKS_FOR_OTHERS: &str = "hub/src/claim.rs";

struct Package {
    dir: PathBuf,
    /// Crates of ours that its shipped code depends on.
    imports: BTreeSet<String>,
    /// Everything that its shipped code depends on, with the features asked for.
    depends_on: BTreeMap<String, Vec<String>>,
}

/// The crates of the workspace by their short names: `onair-hub` is `hub`.
fn packages() -> BTreeMap<String, Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let packages = list(&metadata["packages"]);
    packages
        .iter()
        .map(|package| {
            // `null` is an ordinary dependency; tests and benches may lean on whatever helps them.
            let shipped = list(&package["dependencies"]).into_iter().filter(|dependency| dependency["kind"].is_null());
            let features = |dependency: &Value| list(&dependency["features"]).iter().map(text).collect();
            let depends_on: BTreeMap<String, Vec<String>> =
                shipped.map(|dependency| (text(&dependency["name"]), features(&dependency))).collect();
            let imports = depends_on.keys().filter_map(|name| name.strip_prefix("onair-")).map(Into::into).collect();
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let name = text(&package["name"]);
            let short = name.strip_prefix("onair-").unwrap_or(&name).to_owned();
            (short, Package { dir: manifest.parent().unwrap().into(), imports, depends_on })
        })
        .collect()
}

/// Shipped source below a directory, without comments and without tests: file and text.
fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut tests = BTreeSet::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                tests.extend(test_modules(&text));
                found.push((path, shipped(&text)));
            }
        }
    }
    let is_test = |path: &Path| {
        let parts = path.strip_prefix(dir).unwrap_or(path).with_extension("");
        parts.iter().any(|part| tests.contains(&*part.to_string_lossy()))
    };
    found.retain(|(path, _)| !is_test(path));
    found
}

/// Modules in files of their own that are compiled for tests only: `#[cfg(test)] mod laws;`.
fn test_modules(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim);
    let mut found = Vec::new();
    while lines.any(|line| line == "#[cfg(test)]") {
        let mut after = lines.clone().skip_while(|line| line.starts_with("#["));
        let module = after.next().and_then(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        found.extend(module.map(Into::into));
    }
    found
}

/// What stands before the tests of a file, without its comments. Tests come last in our files.
fn shipped(text: &str) -> String {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let before_tests = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    before_tests.filter(code).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn imports_run_down_only() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    for (name, package) in packages() {
        // The apps tie the houses together. The ruler does not: it measures other servers too.
        if package.dir.parent().is_some_and(|parent| parent.ends_with("apps")) && name != "bench" {
            continue;
        }
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no floor yet: give it one here"));
        for import in &package.imports {
            assert!(allowed.contains(&import.as_str()), "{name} may not import {import} (ARCHITECTURE.md, Floors)");
        }
    }
}

/// C code that reads what strangers send has no place in the server: it lives in the worker process alone.
#[test]
fn only_the_worker_links_codecs() {
    for (name, package) in packages() {
        let links = package.depends_on.keys().any(|dependency| dependency.starts_with("ffmpeg"));
        assert_eq!(links, name == "transcoder" || name == "hardware", "{name}");
        assert!(!package.imports.contains("transcoder"), "{name} imports the worker");
        assert_eq!(package.imports.contains("hardware"), name == "transcoder", "{name}");
    }
}

#[test]
fn every_crate_with_a_floor_is_there() {
    let packages = packages();
    for (name, _) in MAY_IMPORT {
        assert!(packages.contains_key(*name), "{name} is gone: take it off the list");
    }
}

#[test]
fn machines_own_no_socket_and_no_clock() {
    let packages = packages();
    for name in WITHOUT_SOCKET_AND_CLOCK {
        let src = sources(&packages[*name].dir.join("src"));
        for (path, text) in src.into_iter().filter(|(path, _)| !path.ends_with(READS_CLOCKS_FOR_OTHERS)) {
            for forbidden in SOCKETS_AND_CLOCKS {
                assert!(!text.contains(forbidden), "{}: {forbidden} has no place in {name}", path.display());
            }
        }
    }
}

/// `tokio::sync` is no runtime: it wakes whoever waits, on whatever runtime that is.
#[test]
fn wire_formats_and_machines_know_no_runtime() {
    let packages = packages();
    for name in WITHOUT_SOCKET_AND_CLOCK {
        for runtime in ["tokio-util", "async-std", "smol", "hyper", "axum"] {
            assert!(!packages[*name].depends_on.contains_key(runtime), "{name} depends on {runtime}");
        }
        if let Some(features) = packages[*name].depends_on.get("tokio") {
            assert!(["hub", "package"].contains(name), "{name} wakes nobody and needs no tokio");
            assert_eq!(features, &["sync"], "{name} takes more of tokio than its sync");
        }
    }
}

#[test]
fn the_hub_names_no_protocol() {
    let packages = packages();
    for (path, text) in sources(&packages["hub"].dir.join("src")) {
        let text = text.to_lowercase();
        for protocol in ["rtmp", "srt", "rtsp", "webrtc", "whip", "whep", "hls", "dash"] {
            let named = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == protocol);
            assert!(!named, "{} names {protocol}", path.display());
        }
    }
}

#[test]
fn a_protocol_names_no_other() {
    let src = packages()["proto"].dir.join("src");
    let protocols: Vec<String> = std::fs::read_dir(&src)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "lib")
        .collect();
    for protocol in &protocols {
        let dir = src.join(protocol);
        let files = if dir.is_dir() { sources(&dir) } else { Vec::new() };
        for (path, text) in files {
            for other in protocols.iter().filter(|other| *other != protocol) {
                for naming in [format!("crate::{other}"), format!("super::super::{other}")] {
                    assert!(!text.contains(&naming), "{} names {other}", path.display());
                }
            }
        }
    }
}

/// FFmpeg's hardware contexts have no safe words: `hardware` is made of them, each block with the reason why it is sound.
#[test]
fn unsafe_code_is_forbidden_but_in_one_place() {
    for (name, package) in packages() {
        let manifest = std::fs::read_to_string(package.dir.join("Cargo.toml")).unwrap();
        if name == "hardware" {
            for lint in ["undocumented_unsafe_blocks", "multiple_unsafe_ops_per_block", "unsafe_op_in_unsafe_fn"] {
                assert!(manifest.contains(&format!("{lint} = \"deny\"")), "{name} does not take {lint}");
            }
            let lines: usize = sources(&package.dir.join("src")).iter().map(|(_, text)| text.lines().count()).sum();
            assert!(lines < 300, "{name} has {lines} lines: more than its purpose takes");
            continue;
        }
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the lints of the workspace");
    }
}

#[test]
fn prose_and_tests_are_no_shipped_code() {
    let text = "use a;\n// tokio::net\n/// Instant::now\nfn f() {}\n#[cfg(test)]\nmod tests { tokio::time }\n";
    assert_eq!(shipped(text), "use a;\nfn f() {}\n");
    assert_eq!(test_modules("mod a;\n#[cfg(test)]\n#[path = \"x\"]\nmod laws;\n#[cfg(test)]\nmod tests {"), ["laws"]);
}
