//! What the types alone cannot say: ranges, and settings that do not go together.

use std::net::SocketAddr;
use std::time::Duration;

use crate::{Config, Encode, Ladder, Rule};

/// Settings that cannot be used together, or one that cannot be used at all.
pub(crate) struct Issue {
    /// Whom to blame: whichever of these was written.
    pub(crate) settings: Vec<&'static str>,
    /// Which entry, if the setting is a list.
    pub(crate) entry: Option<usize>,
    pub(crate) what: String,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn issues(config: &Config) -> Vec<Issue> {
    let Config { http, rtmp, webrtc, tls, access, hls, transcode, hub, server, log } = config;
    let mut found = Found(Vec::new());

    found.range("http.header_timeout", http.header_timeout, SECOND, 10 * MINUTE);
    found.at_least("http.max_connections", http.max_connections, 1);
    found.at_least("http.max_connections_per_address", http.max_connections_per_address, 1);
    found.range("rtmp.handshake_timeout", rtmp.handshake_timeout, SECOND, 10 * MINUTE);
    found.range("rtmp.idle_timeout", rtmp.idle_timeout, SECOND, 10 * MINUTE);
    found.at_least("rtmp.max_connections", rtmp.max_connections, 1);
    found.at_least("rtmp.max_connections_per_address", rtmp.max_connections_per_address, 1);
    found.ports(&[
        ("http.listen", "HTTP", Some(http.listen)),
        ("rtmp.listen", "RTMP", rtmp.listen),
        ("http.tls_listen", "HTTPS", http.tls_listen),
        ("rtmp.tls_listen", "RTMPS", rtmp.tls_listen),
        ("webrtc.listen", "WebRTC", webrtc.listen),
    ]);
    for (setting, listen) in [("http.tls_listen", http.tls_listen), ("rtmp.tls_listen", rtmp.tls_listen)] {
        if listen.is_some() && !tls.has_certificate() {
            let what = "TLS needs a certificate: set `tls.certificate` and `tls.key`, or `tls.self_signed`";
            found.issue(&[setting], what.into());
        }
    }
    if tls.certificate.as_os_str().is_empty() != tls.key.as_os_str().is_empty() {
        let what = "a certificate needs its key, and a key its certificate: set both `tls.certificate` and `tls.key`";
        found.issue(&["tls.certificate", "tls.key"], what.into());
    }
    found.range("webrtc.connect_timeout", webrtc.connect_timeout, SECOND, MINUTE);
    found.range("webrtc.ice_credentials", webrtc.ice_credentials, MINUTE, 24 * 60 * MINUTE);
    for (index, server) in webrtc.ice_servers.iter().enumerate() {
        let what = match (server.url.is_turn(), &server.secret) {
            (true, None) => "a TURN server relays for nobody without credentials: give its `secret`",
            (false, Some(_)) => "a STUN server asks for no credentials: leave out its `secret`",
            _ => continue,
        };
        found.entry("webrtc.ice_servers", index, what.into());
    }
    found.at_least("webrtc.max_sessions", webrtc.max_sessions, 1);
    found.at_least("webrtc.max_connecting_per_address", webrtc.max_connecting_per_address, 1);

    found.range("hls.segment", hls.segment, SECOND, 10 * SECOND);
    let half = hls.segment / 2;
    if hls.part < Duration::from_millis(50) || hls.part > half {
        let what = format!("a part of {} is not within 50ms and half a segment, {}", show(hls.part), show(half));
        found.issue(&["hls.part", "hls.segment"], what);
    }
    if hls.window < hls.segment.saturating_mul(6) {
        let least = show(hls.segment.saturating_mul(6));
        let what = format!("a window of {} is less than six segments, {least}", show(hls.window));
        found.issue(&["hls.window", "hls.segment"], what);
    }

    found.range("hub.grace", hub.grace, Duration::ZERO, 60 * MINUTE);
    found.range("hub.takeover_after", hub.takeover_after, SECOND, 10 * MINUTE);
    found.at_least("hub.max_broadcasts", hub.max_broadcasts, 1);
    found.at_least("hub.max_track_groups", hub.max_track_groups, 2);
    found.at_least("hub.max_track_bytes", hub.max_track_bytes, 1 << 20);
    found.range("hub.max_track_age", hub.max_track_age, SECOND, 60 * MINUTE);
    found.range("server.drain", server.drain, Duration::ZERO, 10 * MINUTE);

    found.ladders(&transcode.ladder);
    found.keys("access.publish", &access.publish);
    found.keys("access.watch", &access.watch);
    if let Some(word) = bad_level(&log.level) {
        let what = format!("`{word}` is no level; levels are `error`, `warn`, `info`, `debug`, `trace` and `off`");
        found.issue(&["log.level"], what);
    }
    found.0
}

struct Found(Vec<Issue>);

impl Found {
    fn issue(&mut self, settings: &[&'static str], what: String) {
        self.0.push(Issue { settings: settings.to_vec(), entry: None, what });
    }

    fn entry(&mut self, setting: &'static str, index: usize, what: String) {
        self.0.push(Issue { settings: vec![setting], entry: Some(index), what });
    }

    fn range(&mut self, setting: &'static str, value: Duration, least: Duration, most: Duration) {
        if value < least || value > most {
            let what = format!("{} is not within {} and {}", show(value), show(least), show(most));
            self.issue(&[setting], what);
        }
    }

    fn ports(&mut self, listeners: &[(&'static str, &str, Option<SocketAddr>)]) {
        for (index, (setting, name, listen)) in listeners.iter().enumerate() {
            for (other_setting, other, other_listen) in &listeners[..index] {
                if let (Some(listen), Some(other_listen)) = (listen, other_listen)
                    && collide(*listen, *other_listen)
                {
                    let what = format!("{name} and {other} cannot both listen at port {}", listen.port());
                    self.issue(&[other_setting, setting], what);
                }
            }
        }
    }

    fn at_least(&mut self, setting: &'static str, value: usize, least: usize) {
        if value < least {
            self.issue(&[setting], format!("{value} is too few, at least {least} is needed"));
        }
    }

    fn ladders(&mut self, ladders: &[Ladder]) {
        for (index, ladder) in ladders.iter().enumerate() {
            let mut blame = |what: String| {
                let what = format!("the ladder for `{}`: {what}", ladder.path);
                self.0.push(Issue { settings: vec!["transcode.ladder"], entry: Some(index), what });
            };
            if ladder.rungs.len() > 8 {
                blame(format!("{} rungs are too many, at most 8 can be", ladder.rungs.len()));
            }
            if !ladder.device.as_os_str().is_empty() {
                let device = ladder.device.display();
                if !ladder.device.starts_with("/dev") {
                    blame(format!("`{device}` is no device, such as `/dev/dri/renderD128`"));
                }
                if ladder.encode != Encode::Vaapi {
                    blame("a `device` can be chosen with `encode = \"vaapi\"` alone".into());
                }
            }
            for rung in &ladder.rungs {
                if !(144..=4320).contains(&rung.height) || rung.height % 2 == 1 {
                    blame(format!("a height of {} is not even and within 144 and 4320", rung.height));
                }
                if !(50..=100_000).contains(&rung.kbps) {
                    blame(format!("{} kbps is not within 50 and 100000", rung.kbps));
                }
                if rung.fps > 240 {
                    blame(format!("{} frames a second are more than 240", rung.fps));
                }
                if ladder.rungs.iter().filter(|other| other.height == rung.height).count() > 4 {
                    blame(format!("more than four rungs have {} lines", rung.height));
                }
            }
        }
    }

    fn keys(&mut self, setting: &'static str, rules: &[Rule]) {
        for (index, rule) in rules.iter().enumerate() {
            let key = rule.key.expose();
            // Unreserved in a URL (RFC 3986 §2.3), so that it reads the same in every protocol, however a client escapes.
            let plain = key.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.~".contains(&c));
            let what = if !plain {
                "a key may hold only letters, digits and - _ . ~, so that it fits into any address as it is"
            } else if key.len() < 8 {
                "a key needs at least eight characters, or it is soon guessed"
            } else if key.len() > 256 {
                "a key may have at most 256 characters"
            } else {
                continue;
            };
            let what = format!("the key for `{}`: {what}", rule.path);
            self.entry(setting, index, what);
        }
    }
}

fn show(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}

/// Whether two listeners would want the same port of the same address. Port 0 takes any that is free.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let everywhere = |address: SocketAddr| address.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (a.ip() == b.ip() || everywhere(a) || everywhere(b))
}

/// The word in a list such as `info,hub=debug` that is no level.
fn bad_level(levels: &str) -> Option<&str> {
    levels.split(',').map(|part| part.rsplit('=').next().unwrap_or(part).trim()).find(|level| {
        !["error", "warn", "info", "debug", "trace", "off"].contains(&level.to_ascii_lowercase().as_str())
    })
}
