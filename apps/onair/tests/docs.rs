//! What the documents say is true: configurations are accepted, links lead somewhere, examples run, and every rule of
//! conformance that we say we keep has a test that names it.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
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

/// What is promised of DASH, HLS, codecs in CMAF and Enhanced RTMP, by the numbers that tests cite.
const PROMISED: [(char, RangeInclusive<u32>); 7] =
    [('C', 9..=9), ('C', 11..=11), ('C', 13..=13), ('D', 1..=15), ('H', 1..=41), ('R', 16..=20), ('R', 23..=23)];

#[test]
fn every_promised_rule_has_a_test_that_cites_it() {
    let mut cited = BTreeSet::new();
    for dir in ["crates", "apps", "tests/browser"] {
        for file in sources(&root().join(dir)) {
            cited.extend(citations(&test_code(&file)));
        }
    }
    let rules = |(kind, numbers): (char, RangeInclusive<u32>)| numbers.map(move |number| format!("{kind}{number}"));
    let promised = PROMISED.into_iter().flat_map(rules);
    let missing: Vec<_> = promised.filter(|rule| !cited.contains(rule)).collect();
    assert!(missing.is_empty(), "no test cites {missing:?}");
}

/// Files of Rust and JavaScript below a directory, without what was built or fetched.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.file_name().unwrap().to_str().unwrap() {
        "node_modules" | "target" => Vec::new(),
        _ if path.is_dir() => sources(&path),
        name if name.ends_with(".rs") || name.ends_with(".test.mjs") => vec![path],
        _ => Vec::new(),
    });
    found.collect()
}

/// The tests of a file: all of it, or what stands below `#[cfg(test)]`.
fn test_code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let is_test = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
    if file.iter().any(is_test) {
        return text;
    }
    text.split_once("#[cfg(test)]").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

/// `H20` and the like in comments.
fn citations(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.split_once("//").map(|(_, comment)| comment));
    let words = comments.flat_map(|comment| comment.split(|c: char| !c.is_ascii_alphanumeric()));
    let is_rule = |word: &&str| {
        let (kind, number) = word.split_at(word.len().min(1));
        kind.chars().all(|c| c.is_ascii_uppercase()) && number.parse::<u32>().is_ok()
    };
    words.filter(is_rule).map(str::to_owned).collect()
}

#[test]
fn a_rule_is_cited_in_a_comment_of_a_test() {
    assert_eq!(citations("/// H20, D7: as\n let H3 = 1; // (C11)\nx264 h5 10"), ["H20", "D7", "C11"]);
    let code = test_code(&root().join("crates/package/src/packager/plan.rs"));
    assert!(code.contains("#[test]") && !code.contains("fn learn(prelude"), "only the tests");
}
