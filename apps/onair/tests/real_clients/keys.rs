//! Who may publish from another machine: a network namespace plays that machine.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::{Server, http};

/// A namespace joined to this machine by a cable of its own; gone when dropped.
struct OtherMachine {
    name: String,
    here: String,
}

impl OtherMachine {
    /// `None` where namespaces are not permitted.
    fn join() -> Option<Self> {
        let id = std::process::id() % 60_000;
        let name = format!("onair{id}");
        let (here, there) = (format!("10.213.{}.{}", id / 250, id % 250 / 4 * 4 + 1), id % 250 / 4 * 4 + 2);
        let machine = Self { name: name.clone(), here: here.clone() };
        let (near, far) = (format!("on{id}a"), format!("on{id}b"));
        let there = format!("10.213.{}.{there}/30", id / 250);
        ip(&format!("netns add {name}")).then_some(())?;
        let joined = ip(&format!("link add {near} type veth peer name {far} netns {name}"))
            && ip(&format!("addr add {here}/30 dev {near}"))
            && ip(&format!("link set {near} up"))
            && ip(&format!("-n {name} addr add {there} dev {far}"))
            && ip(&format!("-n {name} link set {far} up"));
        joined.then_some(machine)
    }

    /// Publishes from there for a few seconds; says whether ffmpeg could.
    fn publish(&self, url: &str) -> bool {
        let source = "-re -f lavfi -i testsrc2=size=320x180:rate=30 -t 4 -c:v libx264 -preset ultrafast -g 30 -f flv";
        let args = format!("netns exec {} ffmpeg -nostdin -v quiet {source} {url}", self.name);
        ip(&args)
    }
}

impl Drop for OtherMachine {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(args: &str) -> bool {
    let status = Command::new("ip").args(args.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn another_machine_publishes_with_a_key_alone() {
    let Some(machine) = OtherMachine::join() else {
        eprintln!("skipped: network namespaces are not permitted here");
        return;
    };
    let binary = std::env::var("ONAIR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_onair").into());
    let mut command = Command::new(binary);
    let listen = |proto: &str| format!("{proto}.listen=\"{}:0\"", machine.here);
    let key = "access.publish=[{path=\"live/*\",key=\"open-sesame\"}]";
    command.arg("serve");
    for setting in [&listen("http"), &listen("rtmp"), &listen("webrtc"), "log.format=\"json\"", key] {
        command.args(["--set", setting]);
    }
    let server = Server::from_command(command);
    let base = format!("rtmp://{}/live", server.rtmp);

    assert!(!machine.publish(&format!("{base}/plain")), "no key");
    assert!(!machine.publish(&format!("{base}/wrong?key=open-barley")), "a wrong key");
    assert_eq!(http::get(server.http, "/hls/live/plain/index.m3u8").status, 404);
    thread::scope(|scope| {
        let published = scope.spawn(|| machine.publish(&format!("{base}/right?key=open-sesame")));
        server.await_stream_for("live/right", Duration::from_secs(10));
        assert!(published.join().expect("ffmpeg"), "the right key");
    });
    // Another path needs another key.
    assert!(!machine.publish(&format!("rtmp://{}/stage/right?key=open-sesame", server.rtmp)));
}
