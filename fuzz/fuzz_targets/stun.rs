//! STUN: nothing passes for signed that was not signed with the password, and a lite agent answers nothing else (U1, U2).
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use proto::webrtc::ice::{Credentials, Lite, Outcome, Road};
use wire::stun::{Builder, Class, Key, Message, Method};

const PASSWORD: &str = "0123456789abcdefghijklmn";

fuzz_target!(|data: &[u8]| {
    let key = Key::from_password(PASSWORD);
    let road = Road {
        local: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 2)),
        is_tcp: false,
    };
    let now = Instant::now();
    let ours = || Credentials { ufrag: "ours".into(), pwd: PASSWORD.into() };
    let mut lite = Lite::new(ours(), "theirs", now);
    if let Ok(message) = Message::parse(data) {
        let is_signed = message.is_signed_with(&key);
        match lite.handle(now, road, &message) {
            Outcome::Ignored => assert_eq!((lite.seen().valid, lite.road()), (0, None)),
            Outcome::Reply(answer) | Outcome::Chosen(answer) => {
                assert!(is_signed);
                let answer = Message::parse(&answer).expect("an answer that can be read");
                assert!(answer.is_signed_with(&key) && answer.transaction == message.transaction);
            }
        }
    }
    // The same bytes as an attribute of a request that is signed: read or refused, and answered in kind.
    let [kind, value @ ..] = data else { return };
    if value.len() > 1200 {
        return;
    }
    let signed = Builder::new(Class::Request, Method::BINDING, [7; 12])
        .username("ours:theirs")
        .attribute(u16::from(*kind) << 8 | u16::from(*kind & 0x3f), value)
        .sign(&key)
        .finish();
    if let Ok(message) = Message::parse(&signed) {
        assert!(message.is_signed_with(&key));
        assert_ne!(lite.handle(now, road, &message), Outcome::Ignored);
        // Whatever bit is turned before the fingerprint, the signature tells.
        let mut bent = signed.to_vec();
        let at = usize::from(*kind) % (signed.len() - 8);
        bent[at] ^= 1;
        assert!(!Message::parse(&bent).is_ok_and(|bent| bent.is_signed_with(&key)));
    }
});
