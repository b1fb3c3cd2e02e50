//! GStreamer's webrtcbin, which is what whipclientsink is made of.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::http;

use crate::server;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients/webrtcbin.py");

/// Whether the Python of the system can speak to GStreamer.
fn is_there() -> bool {
    let versions = "import gi; gi.require_version('GstWebRTC', '1.0'); gi.require_version('Gst', '1.0'); \
                    from gi.repository import Gst; Gst.init(None); \
                    assert all(Gst.ElementFactory.find(name) for name in ('webrtcbin', 'nicesrc', 'openh264enc', 'opusenc'))";
    let status = Command::new("/usr/bin/python3").args(["-c", versions]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// P25, W40: before 1.26 its certificates are of RSA.
#[test]
fn what_gstreamer_publishes_by_whip_is_watched_by_hls() {
    if !is_there() {
        eprintln!("skipped: no GStreamer with webrtcbin, libnice and its bindings for Python");
        return;
    }
    let server = server(&[]);
    let url = format!("http://{}/whip/live/x", server.http);
    let publisher =
        Command::new("/usr/bin/python3").args([SCRIPT, &url, "20"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let publisher = publisher.expect("python3");
    let mut list = String::new();
    for _ in 0..300 {
        let answer = http::get(server.http, "/hls/live/x/v0.m3u8");
        list = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 && list.matches("#EXTINF").count() >= 2 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let said = publisher.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(list.matches("#EXTINF").count() >= 2, "{said}\n{}", server.log());
    assert!(said.contains("state connected") && said.contains("delete 200"), "{said}\n{}", server.log());
    assert!(server.log().contains("the client ended it"), "{}", server.log());
}
