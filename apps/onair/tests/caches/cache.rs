//! A cache on a port of its own, with the configuration that the documents recommend.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::http::{self, Reply};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Varnish,
}

/// A running cache; ended when dropped.
pub(crate) struct Cache {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) kind: Kind,
    _dir: TempDir,
}

impl Cache {
    /// In front of the server at `origin`.
    pub(crate) fn start(kind: Kind, origin: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = match kind {
            Kind::Nginx => nginx(dir.path(), address, origin),
            Kind::Varnish => varnish(dir.path(), address, origin),
        };
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{kind:?} is installed: {error}"));
        let mut cache = Self { child, address, kind, _dir: dir };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            let log = || std::fs::read_to_string(cache._dir.path().join("log")).unwrap_or_default();
            if let Ok(Some(status)) = cache.child.try_wait() {
                panic!("{kind:?} ended with {status}:\n{}", log());
            }
            assert!(Instant::now() < deadline, "{kind:?} does not listen:\n{}", log());
            thread::sleep(Duration::from_millis(20));
        }
        cache
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        http::get(self.address, path)
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        http::request(self.address, "GET", path, headers).unwrap()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // Both end their children when they are asked to.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A file of `examples/` with some of it replaced; each piece must be there exactly once.
fn example(name: &str, replace: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in replace {
        assert_eq!(text.matches(from).count(), 1, "{name}: `{from}`");
        text = text.replace(from, to);
    }
    text
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn nginx(dir: &Path, address: SocketAddr, origin: SocketAddr) -> Command {
    let cache = dir.join("cache").display().to_string();
    let site = example(
        "nginx.conf",
        &[
            ("server 127.0.0.1:8080;", &format!("server {origin};")),
            ("/var/cache/nginx/onair", &cache),
            ("    listen 80;\n    listen [::]:80;\n", &format!("    listen {address};\n")),
        ],
    );
    let site = write(dir, "onair.conf", &site);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};\n", dir.display()))
        .collect();
    // Workers of a server that root started would be somebody who may not write here.
    let user = if rustix::process::getuid().is_root() { "user root;\n" } else { "" };
    let main = write(
        dir,
        "nginx.conf",
        &format!(
            "{user}daemon off;\nworker_processes 2;\nworker_rlimit_nofile 8192;\npid {0}/pid;\nerror_log {0}/errors;\n\
             events {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\n{temporary}include {1};\n}}\n",
            dir.display(),
            site.display()
        ),
    );
    let mut command = Command::new("nginx");
    command.arg("-c").arg(main).arg("-p").arg(dir).arg("-e").arg(dir.join("errors"));
    command
}

fn varnish(dir: &Path, address: SocketAddr, origin: SocketAddr) -> Command {
    let (host, port) = (format!("\"{}\"", origin.ip()), format!("\"{}\"", origin.port()));
    let vcl = example("varnish.vcl", &[("\"127.0.0.1\"", &host), ("\"8080\"", &port)]);
    let vcl = write(dir, "onair.vcl", &vcl);
    let mut command = Command::new("varnishd");
    command.args(["-F", "-j", "none", "-s", "malloc,256m", "-a", &address.to_string()]);
    command.arg("-f").arg(vcl).arg("-n").arg(dir.join("varnish"));
    command
}
