//! The real server binary on ports of its own, ended when the test is.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::http;
use crate::playlist::{Media, Multivariant};

/// A running server.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Where it speaks HTTP.
    pub http: SocketAddr,
    /// Where it speaks RTMP.
    pub rtmp: SocketAddr,
    /// Where it speaks HTTPS; port 0 if it does not.
    pub https: SocketAddr,
    /// Where it speaks RTMPS; port 0 if it does not.
    pub rtmps: SocketAddr,
}

impl Server {
    /// Starts the binary with these `--set` arguments on free loopback ports, and waits until it is ready.
    pub fn start(binary: impl AsRef<Path>, settings: &[&str]) -> Self {
        let mut all = vec![
            "http.listen=\"127.0.0.1:0\"",
            "rtmp.listen=\"127.0.0.1:0\"",
            "webrtc.listen=\"127.0.0.1:0\"",
            "log.format=\"json\"",
        ];
        all.extend(settings);
        let mut command = Command::new(binary.as_ref());
        command.arg("serve");
        for setting in all {
            command.args(["--set", setting]);
        }
        Self::from_command(command)
    }

    /// Starts any command that is the server, such as one inside a network namespace.
    pub fn from_command(mut command: Command) -> Self {
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let wants = |setting: &str| arguments.iter().any(|argument| argument.starts_with(setting));
        let (wants_https, wants_rtmps) = (wants("http.tls_listen="), wants("rtmp.tls_listen="));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the server starts");
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, log, http: unknown, rtmp: unknown, https: unknown, rtmps: unknown };
        let deadline = Instant::now() + Duration::from_secs(20);
        let is_ready = |server: &Self| {
            let (secure, plain) = (server.https.port() > 0, server.http.port() > 0);
            let (secure_push, push) = (server.rtmps.port() > 0, server.rtmp.port() > 0);
            plain && push && (secure || !wants_https) && (secure_push || !wants_rtmps)
        };
        while !is_ready(&server) {
            if let Some(status) = server.child.try_wait().expect("its state") {
                panic!("the server ended with {status}:\n{}", server.log());
            }
            assert!(Instant::now() < deadline, "the server never said where it listens:\n{}", server.log());
            thread::sleep(Duration::from_millis(10));
            for line in server.log().lines() {
                if let Some((proto, address)) = listening(line) {
                    match proto {
                        "rtmp" => server.rtmp = address,
                        "http" => server.http = address,
                        "rtmps" => server.rtmps = address,
                        "https" => server.https = address,
                        _ => {}
                    }
                }
            }
        }
        server
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("its state")
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Where to publish `path`.
    pub fn rtmp_url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.rtmp)
    }

    /// GET that must succeed, as text.
    pub fn text(&self, path: &str) -> String {
        let reply = http::get(self.http, path);
        assert_eq!(reply.status, 200, "GET {path}: {}", String::from_utf8_lossy(&reply.body));
        reply.text()
    }

    /// The value of a metric: the sum over all its labels that contain `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.text("/metrics");
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(label))
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// The multivariant playlist of a path, as soon as it has one with a variant.
    pub fn await_stream(&self, path: &str) -> Multivariant {
        self.await_stream_for(path, Duration::from_secs(20))
    }

    /// The same with a limit of the caller's.
    pub fn await_stream_for(&self, path: &str, patience: Duration) -> Multivariant {
        let deadline = Instant::now() + patience;
        loop {
            let reply = http::get(self.http, &format!("/hls/{path}/index.m3u8"));
            if reply.status == 200 {
                let list = Multivariant::parse(&reply.text());
                if !list.variants.is_empty() {
                    return list;
                }
            }
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(Instant::now() < deadline, "{path} never showed: {} {said}\n{}", reply.status, self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The name of the first rendition of a kind, `'v'` or `'a'`, once there is one.
    pub fn name(&self, path: &str, kind: char) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let list = self.await_stream(path);
            let uris =
                list.variants.iter().map(|variant| &variant.uri).chain(list.media.iter().map(|media| &media["URI"]));
            if let Some(uri) = uris.into_iter().find(|uri| uri.starts_with(kind)) {
                return uri.split('.').next().unwrap_or_default().to_owned();
            }
            assert!(Instant::now() < deadline, "{path} has no {kind}: {list:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The media playlist `name` (`v0`, `a1`) of a path.
    pub fn media(&self, path: &str, name: &str) -> Media {
        Media::parse(&self.text(&format!("/hls/{path}/{name}.m3u8")))
    }

    /// Waits until that playlist is as wanted.
    pub fn await_media(&self, path: &str, name: &str, wanted: impl Fn(&Media) -> bool) -> Media {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let list = self.media(path, name);
            if wanted(&list) {
                return list;
            }
            assert!(Instant::now() < deadline, "{path}/{name} stays {list:#?}\n{}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Fetches what a media playlist of `path` points to.
    pub fn fetch(&self, path: &str, uri: &str) -> Vec<u8> {
        let address = resolve(&format!("/hls/{path}/list.m3u8"), uri);
        let reply = http::get(self.http, &address);
        assert_eq!(reply.status, 200, "GET {address}");
        reply.body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("the last lines of the server's log:");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A URI reference against the address of the playlist it stands in.
pub fn resolve(base: &str, uri: &str) -> String {
    if uri.starts_with('/') {
        return uri.to_owned();
    }
    let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    let mut parts: Vec<_> = base.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    query.map_or(path.clone(), |query| format!("{path}?{query}"))
}

/// The gateway and address of a log line that says where one listens.
fn listening(line: &str) -> Option<(&str, SocketAddr)> {
    let value = |name: &str| line.split_once(&format!("\"{name}\":\""))?.1.split('"').next();
    let address = value("listen").or_else(|| value("address"))?.parse().ok()?;
    Some((value("proto")?, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_climb_from_their_playlist() {
        let base = "/hls/live/alice/v0.m3u8";
        assert_eq!(resolve(base, "../../../media/live/alice/e/v0.1.m4s"), "/media/live/alice/e/v0.1.m4s");
        assert_eq!(resolve(base, "a0.m3u8?key=x"), "/hls/live/alice/a0.m3u8?key=x");
    }
}
