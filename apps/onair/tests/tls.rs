//! RTMPS and HTTPS as ffmpeg and curl speak them, and as nobody should.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use testkit::Server;
use testkit::ffmpeg::Source;

const BINARY: &str = env!("CARGO_BIN_EXE_onair");

/// A server with both TLS ports and a self-signed certificate in `dir`.
fn start(dir: &Path) -> Server {
    let (certificate, key) =
        (format!("tls.certificate={}/chain.pem", dir.display()), format!("tls.key={}/key.pem", dir.display()));
    let settings = ["tls.self_signed=true", "http.tls_listen=127.0.0.1:0", "rtmp.tls_listen=127.0.0.1:0"];
    Server::start(BINARY, &[&settings[..], &[&certificate, &key]].concat())
}

/// curl that trusts this server's certificate alone.
fn curl(dir: &Path, server: &Server, path: &str, more: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--cacert"]).arg(dir.join("chain.pem"));
    command.args(more).arg(format!("https://localhost:{}{path}", server.https.port())).output().unwrap()
}

/// What `--write-out` and the body say together.
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// R23, F22, H39.
#[test]
fn ffmpeg_pushes_rtmps_and_curl_fetches_by_http2() {
    let _alone = testkit::alone();
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let _publisher = Source::default().publish(&format!("rtmps://127.0.0.1:{}/live/alice", server.rtmps.port()));
    server.await_stream("live/alice");

    let page = curl(
        dir.path(),
        &server,
        "/hls/live/alice/v0.m3u8",
        &["--http2", "-w", "%{http_version} %{ssl_verify_result}"],
    );
    let page = stdout(&page);
    assert!(page.starts_with("#EXTM3U\n") && page.ends_with("\n2 0"), "{page}");
    // The same by HTTP/1.1, and with each version of TLS that is still alive; none that is not.
    for (arguments, version) in
        [(&["--http1.1"][..], "1.1"), (&["--http2", "--tls-max", "1.2"], "2"), (&["--http2", "--tlsv1.3"], "2")]
    {
        let answer = stdout(&curl(dir.path(), &server, "/readyz", &[arguments, &["-w", "%{http_version}"]].concat()));
        assert_eq!(answer, format!("ready\n{version}"), "{arguments:?}");
    }
    let old = curl(dir.path(), &server, "/readyz", &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
    assert_eq!(old.status.code(), Some(35), "{}", String::from_utf8_lossy(&old.stderr));
    // A parked reload and the part that it waits for, on one HTTP/2 connection.
    let list = server.media("live/alice", "v0");
    let next = list.media_sequence + list.segments.len() as u64 + 1;
    let reload = format!("/hls/live/alice/v0.m3u8?_HLS_msn={next}&_HLS_part=0");
    let reload = stdout(&curl(dir.path(), &server, &reload, &["--http2"]));
    assert!(reload.contains(&format!("v0.{next}.0.m4s")), "{reload}");
}

/// R23, F8, F22.
#[test]
fn wrong_bytes_harm_nobody() {
    let _alone = testkit::alone();
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let _publisher = Source::default().publish(&format!("rtmps://127.0.0.1:{}/live/alice", server.rtmps.port()));
    server.await_stream("live/alice");

    let mut rtmp = vec![3; 1];
    rtmp.extend([0; 1536]);
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let garbage: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise as u8
    })
    .take(100_000)
    .collect();
    // A hello that says it is 16 KiB long, and then is something else.
    let lying = [&b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc"[..], &garbage[..16_384]].concat();
    for address in [server.https, server.rtmps] {
        for words in [&rtmp[..], b"GET / HTTP/1.1\r\n\r\n", &garbage, &lying, b"\x15\x03\x03\x00\x02\x02\x28"] {
            closes_quickly(address, words);
        }
    }
    // And TLS where none is spoken.
    for address in [server.http, server.rtmp] {
        closes_quickly(address, b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n");
    }
    assert!(server.metric("onair_session_errors_total", "reason=\"tls\"") >= 10.0);
    let list = server.media("live/alice", "v0");
    server.await_media("live/alice", "v0", |now| {
        now.media_sequence + now.segments.len() as u64 > list.media_sequence + list.segments.len() as u64
    });
    assert_eq!(stdout(&curl(dir.path(), &server, "/healthz", &[])), "ok\n");
}

fn closes_quickly(address: SocketAddr, words: &[u8]) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // It may be closed before all is said.
    let _ = socket.write_all(words);
    let mut sink = Vec::new();
    match socket.read_to_end(&mut sink) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {
            panic!("{address} stays open: {words:?}")
        }
        _ => {}
    }
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// F22.
#[test]
fn a_renewed_certificate_drops_nobody() {
    let _alone = testkit::alone();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = start(dir.path());
    let mut publisher = Source::default().publish(&format!("rtmps://127.0.0.1:{}/live/alice", server.rtmps.port()));
    server.await_stream("live/alice");

    drop(start(other.path()));
    for file in ["chain.pem", "key.pem"] {
        std::fs::copy(other.path().join(file), dir.path().join(file)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(15);
    while !curl(dir.path(), &server, "/healthz", &[]).status.success() {
        assert!(Instant::now() < deadline, "the new certificate is never shown\n{}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(publisher.is_running());
    assert_eq!(server.metric("onair_broadcast_discontinuities_total", "live/alice"), 0.0);
    assert_eq!(server.metric("onair_publishes_total", "rtmp"), 1.0, "it never had to come again");
}

/// The files are part of the configuration: `check` looks into them, and `serve` does not begin without.
#[test]
fn a_missing_certificate_is_told_and_nothing_starts() {
    for command in ["check", "serve"] {
        let settings =
            ["tls.certificate=/nowhere/chain.pem", "tls.key=/nowhere/key.pem", "http.tls_listen=127.0.0.1:0"];
        let mut onair = Command::new(BINARY);
        onair.args([command, "--set", "log.level=off"]);
        let output =
            settings.iter().fold(&mut onair, |onair, setting| onair.args(["--set", setting])).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "onair: the configuration is not right\n\
             tls.certificate: /nowhere/chain.pem cannot be read: No such file or directory (os error 2)\n"
        );
    }
    let output = Command::new(BINARY).args(["check", "--set", "rtmp.tls_listen=[::]:1936"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--set rtmp.tls_listen: TLS needs a certificate"), "{said}");
}
