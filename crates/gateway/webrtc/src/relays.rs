use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use config::IceServer;

/// The value of the `Link` field that tells a client of a STUN or TURN server (W32, RFC 9725 §4.6).
///
/// What lets it into a TURN server is made for this session and ends by itself (U9): the name is when, in seconds since
/// 1970, and whose; the password proves that it was made with the secret that both servers know, as coturn's REST API has
/// it. Nothing of it tells the secret.
pub(crate) fn link(server: &IceServer, session: u64, now: SystemTime, lifetime: Duration) -> String {
    let url = server.url.as_str();
    let Some(secret) = &server.secret else { return format!("<{url}>; rel=\"ice-server\"") };
    let end = now.checked_add(lifetime).and_then(|end| end.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let username = format!("{}:{session}", end.as_secs());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose().as_bytes());
    let credential = BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    format!(
        "<{url}>; rel=\"ice-server\"; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""
    )
}

#[cfg(test)]
mod tests {
    use config::Secret;

    use super::*;

    /// U9, W32. The password is what `openssl dgst -sha1 -hmac north -binary | base64` makes of the name.
    #[test]
    fn credentials_are_what_a_turn_server_expects_and_end() {
        let url = "turn:turn.example.org:3478?transport=udp".parse().unwrap();
        let server = IceServer { url, secret: Some(Secret::new("north")) };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(
            link(&server, 42, now, Duration::from_secs(600)),
            "<turn:turn.example.org:3478?transport=udp>; rel=\"ice-server\"; username=\"1700000600:42\"; \
             credential=\"c8I0lj+p3rCkviOWydupNEuAt5Q=\"; credential-type=\"password\""
        );
        let server = IceServer { url: "stun:stun.example.org".parse().unwrap(), secret: None };
        assert_eq!(link(&server, 42, now, Duration::from_secs(600)), "<stun:stun.example.org>; rel=\"ice-server\"");
    }
}
