use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// What to tell the person who started the server: where to watch and where to push.
pub(crate) struct Greeting {
    pub(crate) http: SocketAddr,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) rtmp: Option<SocketAddr>,
    pub(crate) rtmps: Option<SocketAddr>,
    /// Whether programs on this machine publish without a key.
    pub(crate) loopback_publishes: bool,
    /// Whether there is any key for others.
    pub(crate) has_keys: bool,
    /// A stream that is on the air from the beginning.
    pub(crate) demo: Option<&'static str>,
}

impl Greeting {
    /// A few lines to print. `outside` is the address by which others reach this machine, if it has one.
    pub(crate) fn text(&self, outside: Option<IpAddr>) -> String {
        let mut text = format!("\n  Onair {} is on the air\n\n", env!("CARGO_PKG_VERSION"));
        let mut line = |what: &str, address: String| {
            let _ = writeln!(text, "  {what:<9} {address}");
        };
        let page = self.demo.map_or_else(String::new, |path| format!("watch/{path}"));
        line("Watch", format!("http://{}/{page}", reach(self.http, None)));
        if let Some(outside) = outside.filter(|_| self.http.ip().is_unspecified()) {
            line("", format!("http://{}/{page}", reach(self.http, Some(outside))));
        }
        if let Some(https) = self.https {
            let outside = outside.filter(|_| https.ip().is_unspecified());
            line("", format!("https://{}/{page}", reach(https, outside)));
        }
        // Where there are both, the key travels in the clear only on this machine.
        let local = self.rtmp.map(|rtmp| ("rtmp", rtmp)).or(self.rtmps.map(|rtmps| ("rtmps", rtmps)));
        let remote = self.rtmps.map(|rtmps| ("rtmps", rtmps)).or(local);
        if let (Some((scheme, rtmp)), Some((remote_scheme, remote))) = (local, remote) {
            let key = if self.loopback_publishes { "" } else { "?key=<key>" };
            line("Push", format!("{scheme}://{}/live/<name>{key}", reach(rtmp, None)));
            match outside.filter(|_| remote.ip().is_unspecified()) {
                Some(outside) if self.has_keys => {
                    let remote = reach(remote, Some(outside));
                    line("", format!("{remote_scheme}://{remote}/live/<name>?key=<key>   from other machines"));
                }
                Some(_) => line("", "from other machines only with a key: set access.publish".into()),
                None => {}
            }
        }
        text
    }
}

/// Host and port to type, for a listener: an address that stands for all of them is written as one that can be dialled.
fn reach(listener: SocketAddr, outside: Option<IpAddr>) -> String {
    let port = listener.port();
    match outside {
        Some(outside) => SocketAddr::new(outside, port).to_string(),
        None if listener.ip().is_unspecified() || listener.ip().is_loopback() => format!("localhost:{port}"),
        None => listener.to_string(),
    }
}

/// The address of this machine on the way to everybody else. Asks the routing table; no packet is sent.
pub(crate) fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737): nobody's address, so it takes the default route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_reads_where_to_watch_and_where_to_push() {
        let greeting = Greeting {
            http: "[::]:8080".parse().unwrap(),
            https: None,
            rtmp: Some("[::]:1935".parse().unwrap()),
            rtmps: None,
            loopback_publishes: true,
            has_keys: false,
            demo: None,
        };
        let text = greeting.text(Some("192.168.1.7".parse().unwrap()));
        assert_eq!(
            text.lines().skip(3).collect::<Vec<_>>(),
            [
                "  Watch     http://localhost:8080/",
                "            http://192.168.1.7:8080/",
                "  Push      rtmp://localhost:1935/live/<name>",
                "            from other machines only with a key: set access.publish",
            ]
        );
    }

    #[test]
    fn the_demo_is_one_step_away() {
        let greeting = Greeting {
            http: "[::]:8080".parse().unwrap(),
            https: None,
            rtmp: None,
            rtmps: None,
            loopback_publishes: true,
            has_keys: false,
            demo: Some("live/test"),
        };
        let text = greeting.text(Some("192.168.1.7".parse().unwrap()));
        assert!(text.contains("  Watch     http://localhost:8080/watch/live/test\n"), "{text}");
        assert!(text.contains("            http://192.168.1.7:8080/watch/live/test\n"), "{text}");
    }

    #[test]
    fn with_keys_others_are_told_how() {
        let greeting = Greeting {
            http: "127.0.0.1:8080".parse().unwrap(),
            https: None,
            rtmp: Some("0.0.0.0:1936".parse().unwrap()),
            rtmps: None,
            loopback_publishes: false,
            has_keys: true,
            demo: None,
        };
        let text = greeting.text(Some("192.168.1.7".parse().unwrap()));
        assert_eq!(
            text.lines().skip(3).collect::<Vec<_>>(),
            [
                "  Watch     http://localhost:8080/",
                "  Push      rtmp://localhost:1936/live/<name>?key=<key>",
                "            rtmp://192.168.1.7:1936/live/<name>?key=<key>   from other machines",
            ]
        );
    }

    #[test]
    fn with_tls_others_are_told_the_safe_way() {
        let greeting = Greeting {
            http: "[::]:8080".parse().unwrap(),
            https: Some("[::]:8443".parse().unwrap()),
            rtmp: Some("[::]:1935".parse().unwrap()),
            rtmps: Some("[::]:1936".parse().unwrap()),
            loopback_publishes: true,
            has_keys: true,
            demo: None,
        };
        let text = greeting.text(Some("192.168.1.7".parse().unwrap()));
        assert_eq!(
            text.lines().skip(3).collect::<Vec<_>>(),
            [
                "  Watch     http://localhost:8080/",
                "            http://192.168.1.7:8080/",
                "            https://192.168.1.7:8443/",
                "  Push      rtmp://localhost:1935/live/<name>",
                "            rtmps://192.168.1.7:1936/live/<name>?key=<key>   from other machines",
            ]
        );
    }
}
