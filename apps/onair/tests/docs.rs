//! What the documents say is true: configurations are accepted, links lead somewhere, examples run.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use config::{Config, Sources};
use testkit::Server;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The documents at the root and in `docs`: file and text.
fn documents() -> Vec<(PathBuf, String)> {
    let entries = [root(), root().join("docs")].map(|dir| std::fs::read_dir(dir).unwrap());
    let files = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_configuration_in_the_documents_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onair.toml");
    let mut seen = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "toml") {
            std::fs::write(&file, block).unwrap();
            if let Err(problems) = Config::load(Sources { file: Some(&file), ..Sources::default() }) {
                panic!("{}:\n{block}\n{problems}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "the documents show configurations");
}

#[test]
fn the_caches_in_the_documents_are_the_examples_that_are_tested() {
    let text = std::fs::read_to_string(root().join("docs/caching.md")).unwrap();
    for (language, file) in [("nginx", "examples/nginx.conf"), ("vcl", "examples/varnish.vcl")] {
        assert_eq!(blocks(&text, language), [std::fs::read_to_string(root().join(file)).unwrap()], "{file}");
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    for (path, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let is_ours = !file.is_empty() && !file.contains("://") && !file.contains(char::is_whitespace);
            if is_ours {
                assert!(path.parent().unwrap().join(file).exists(), "{}: {link} leads nowhere", path.display());
            }
        }
    }
}

#[test]
fn the_example_pushes_a_stream_that_can_be_watched() {
    let _alone = testkit::alone();
    let server = Server::start(env!("CARGO_BIN_EXE_onair"), &[]);
    let mut push = Command::new(root().join("examples/push-test-stream.sh"))
        .args([&server.rtmp_url("live/example"), "20"])
        .spawn()
        .unwrap();
    let list = server.await_stream_for("live/example", Duration::from_secs(30));
    // The script became ffmpeg, so this ends ffmpeg.
    let _ = push.kill();
    let _ = push.wait();
    assert_eq!(list.variants.len(), 1, "{list:#?}");
}
