//! The binary as people and service managers meet it.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use testkit::Server;

const BINARY: &str = env!("CARGO_BIN_EXE_onair");

fn onair(arguments: &[&str]) -> Output {
    // What is set where the tests run is not what they are about.
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("ONAIR_"));
    let mut command = Command::new(BINARY);
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_sample_checks_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onair.toml");
    let sample = onair(&["sample-config"]);
    assert!(sample.status.success());
    std::fs::write(&file, &sample.stdout).unwrap();

    let check = onair(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(stdout(&check), format!("{}: all is well\n", file.display()));
    assert_eq!(check.status.code(), Some(0));
}

#[test]
fn a_wrong_configuration_is_told_and_nothing_starts() {
    for command in ["check", "serve"] {
        let output = onair(&[command, "--set", "http.lisen=[::]:0", "--set", "hls.part=3s"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            stderr(&output),
            "onair: the configuration is not right\n\
             --set http.lisen: there is no setting `http.lisen`; did you mean `http.listen`?\n\
             --set hls.part: a part of 3s is not within 50ms and half a segment, 1s\n"
        );
    }
}

/// F11.
#[test]
fn check_shows_settings_but_no_keys() {
    let rule = "access.publish=[{ path = \"live/*\", key = \"canary-0123456789\" }]";
    let output = onair(&["check", "--show", "--set", rule]);
    assert!(stdout(&output).contains("path = \"live/*\""));
    assert!(!stdout(&output).contains("canary"));
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    assert_eq!(onair(&["serf"]).status.code(), Some(2));
    assert_eq!(onair(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_port_in_use_is_one_clear_sentence_with_the_name_of_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let settings = ["http.listen", "rtmp.listen", "webrtc.listen"];
    for setting in settings {
        let listen = settings.map(|other| {
            if other == setting { format!("{setting}={address}") } else { format!("{other}=127.0.0.1:0") }
        });
        let [a, b, c] = &listen;
        let output = onair(&["serve", "--set", a, "--set", b, "--set", c, "--set", "log.level=off"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            stderr(&output),
            format!("onair: cannot listen at {address} ({setting}): the port is in use; another onair, perhaps?\n")
        );
    }
}

#[test]
fn the_server_says_where_to_watch_and_where_to_push() {
    let mut child = Command::new(BINARY)
        .args([
            "serve",
            "--set",
            "http.listen=127.0.0.1:0",
            "--set",
            "rtmp.listen=127.0.0.1:0",
            "--set",
            "webrtc.listen=127.0.0.1:0",
        ])
        .args(["--set", "log.format=text"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut log = child.stderr.take().unwrap();
    let mut chunk = [0; 4096];
    while !said.contains("/live/<name>") {
        let read = log.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    let _ = child.kill();
    let _ = child.wait();
    let http = said.split("http://localhost:").nth(1).unwrap().split('/').next().unwrap();
    assert_ne!(http.parse::<u16>().unwrap(), 0, "the port that it got, not the one asked for: {said}");
    assert!(said.contains("rtmp://localhost:"), "{said}");
}

/// F15.
#[test]
fn an_idle_server_stops_at_once_when_asked() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(BINARY, &[]);
        let asked = Instant::now();
        assert!(Command::new("kill").args([signal, &server.pid().to_string()]).status().unwrap().success());
        let status = server.wait();
        assert!(status.success(), "{status}\n{}", server.log());
        assert!(asked.elapsed() < Duration::from_secs(3), "took {:?}\n{}", asked.elapsed(), server.log());
    }
}

/// F15.
#[test]
fn a_server_that_is_asked_to_stop_ends_publishers_first_and_viewers_a_moment_later() {
    let _alone = testkit::alone();
    let mut server = Server::start(BINARY, &["server.drain=6s"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/push-test-stream.sh");
    let mut push = Command::new(script).args([&server.rtmp_url("live/tail"), "60"]).spawn().unwrap();
    server.await_stream("live/tail");

    let asked = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &server.pid().to_string()]).status().unwrap().success());
    let _ = push.wait(); // Its connection is closed, which ends it long before its 60 seconds.
    assert!(asked.elapsed() < Duration::from_secs(3), "the publisher stayed for {:?}", asked.elapsed());
    let list = server.media("live/tail", "v0");
    server.fetch("live/tail", &list.segments.last().unwrap().uri);
    assert_eq!(testkit::http::get(server.http, "/readyz").status, 503);

    let status = server.wait();
    assert!(status.success(), "{status}\n{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(8), "took {:?}\n{}", asked.elapsed(), server.log());
}

#[test]
fn rtmp_can_be_off() {
    let output = onair(&["check", "--show", "--set", "rtmp.listen=off"]);
    assert!(stdout(&output).contains("listen = \"off\""));
}
