//! The lite side of ICE (RFC 8445 §2.5, §7.3): answers checks, learns where the peer is, knows when it left.
//!
//! A server that can be reached needs no more: the peer makes the checks and nominates. Whoever cannot
//! show our password gets nothing back, not even an error, so forged packets are never answered (U2, F9).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use wire::stun::{Builder, Class, Key, Message, Method};

/// A user fragment and its password (RFC 8445 §5.3).
#[derive(Clone)]
pub struct Credentials {
    /// Names the ICE session in checks: at least 24 random bits.
    pub ufrag: String,
    /// Signs them: at least 128 random bits. Never logged.
    pub pwd: String,
}

/// Which road a packet came by, and so which one it goes back: where we were asked, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Road {
    /// Our address as the peer saw it.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// Over a stream rather than in datagrams.
    pub is_tcp: bool,
}

/// What a check did.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not for us, or not signed by who should: say nothing.
    Ignored,
    /// Send this back the way it came.
    Reply(BytesMut),
    /// Send this back, and from now on all else too: the peer chose this road.
    Chosen(BytesMut),
}

/// How the peer has been heard so far; what a report of a failed connection is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Checks that were signed rightly.
    pub valid: u32,
    /// Checks with a wrong or no signature, or of another session.
    pub invalid: u32,
}

struct Side {
    key: Key,
    ours: Credentials,
    /// The peer's user fragment; checks must name it.
    their_ufrag: String,
}

/// The lite agent of one session.
pub struct Lite {
    current: Side,
    /// After a restart, until the peer was heard with the new credentials.
    former: Option<Side>,
    road: Option<Road>,
    last_heard: Instant,
    began: Instant,
    seen: Seen,
}

/// Checks must come this often, or the peer no longer wants our packets (RFC 7675 §5.1).
pub const CONSENT: Duration = Duration::from_secs(30);

impl Lite {
    /// A session that waits for the first check of the peer with that user fragment.
    pub fn new(ours: Credentials, their_ufrag: &str, now: Instant) -> Self {
        let current = Side { key: Key::from_password(&ours.pwd), ours, their_ufrag: their_ufrag.to_owned() };
        Self { current, former: None, road: None, last_heard: now, began: now, seen: Seen::default() }
    }

    /// Where to send, once the peer has chosen.
    pub fn road(&self) -> Option<Road> {
        self.road
    }

    /// Our credentials now.
    pub fn credentials(&self) -> &Credentials {
        &self.current.ours
    }

    /// How the peer has been heard.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// When the session is over unless the peer is heard: `patience` after the beginning while it never
    /// was (W41), [`CONSENT`] after its last check else (U3).
    pub fn deadline(&self, patience: Duration) -> Instant {
        if self.road.is_some() { self.last_heard + CONSENT } else { self.began + patience }
    }

    /// Begins anew with fresh credentials (RFC 8445 §9). Media goes on over the old road, and old checks
    /// are answered, until the peer is heard with the new ones (W19).
    pub fn restart(&mut self, ours: Credentials, their_ufrag: &str) {
        let fresh = Side { key: Key::from_password(&ours.pwd), ours, their_ufrag: their_ufrag.to_owned() };
        let old = std::mem::replace(&mut self.current, fresh);
        // Restarted twice without a check between: the one that works is still the first.
        self.former.get_or_insert(old);
    }

    /// The session answers to that user fragment of ours.
    pub fn answers_to(&self, ufrag: &str) -> bool {
        self.current.ours.ufrag == ufrag || self.former.as_ref().is_some_and(|former| former.ours.ufrag == ufrag)
    }

    /// Takes in one STUN message that came by `road`.
    pub fn handle(&mut self, now: Instant, road: Road, message: &Message<'_>) -> Outcome {
        let outcome = self.check(now, road, message);
        let count = match outcome {
            Outcome::Ignored => &mut self.seen.invalid,
            _ => &mut self.seen.valid,
        };
        *count = count.saturating_add(1);
        outcome
    }

    fn check(&mut self, now: Instant, road: Road, message: &Message<'_>) -> Outcome {
        if (message.class, message.method) != (Class::Request, Method::BINDING) {
            return Outcome::Ignored;
        }
        let Some((ours, theirs)) = message.ufrags() else { return Outcome::Ignored };
        let fits =
            |side: &Side| side.ours.ufrag == ours && side.their_ufrag == theirs && message.is_signed_with(&side.key);
        let is_former = self.former.as_ref().is_some_and(fits);
        if !is_former && !fits(&self.current) {
            return Outcome::Ignored;
        }
        let side = if is_former { self.former.as_ref().unwrap_or(&self.current) } else { &self.current };
        if let Some(kind) = message.unknown_required {
            let refusal = Builder::new(Class::Error, Method::BINDING, message.transaction)
                .error(420, "Unknown Attribute")
                .unknown_attribute(kind);
            return Outcome::Reply(refusal.sign(&side.key).finish());
        }
        let answer = Builder::new(Class::Success, Method::BINDING, message.transaction).xor_mapped(road.remote);
        let answer = answer.sign(&side.key).finish();
        if !is_former {
            self.former = None;
        }
        // FFmpeg 8 nominates at once; others check first, and any road that works is better than none (W38).
        let is_choice = message.use_candidate || self.road.is_none();
        if self.road == Some(road) || is_choice {
            self.last_heard = now;
        }
        if is_choice && self.road.replace(road) != Some(road) {
            return Outcome::Chosen(answer);
        }
        Outcome::Reply(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn credentials(name: &str) -> Credentials {
        Credentials { ufrag: name.into(), pwd: format!("password-of-{name}-0123456789") }
    }

    fn road(port: u16) -> Road {
        let local = "192.0.2.1:8189".parse().unwrap();
        Road { local, remote: SocketAddr::new([198, 51, 100, 7].into(), port), is_tcp: false }
    }

    fn check(server: &str, client: &str, nominate: bool) -> BytesMut {
        let builder = Builder::new(Class::Request, Method::BINDING, [3; 12]).username(&format!("{server}:{client}"));
        let builder = if nominate { builder.use_candidate() } else { builder };
        builder.sign(&Key::from_password(&credentials(server).pwd)).finish()
    }

    fn handle(lite: &mut Lite, now: Instant, by: Road, bytes: &[u8]) -> Outcome {
        lite.handle(now, by, &Message::parse(bytes).unwrap())
    }

    /// W21, W38: no candidates were ever told, and the check has neither PRIORITY nor a role.
    #[test]
    fn a_peer_is_found_where_its_check_comes_from() {
        let now = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", now);
        let Outcome::Chosen(answer) = handle(&mut lite, now, road(5000), &check("S", "c", true)) else { panic!() };
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(
            (answer.class, answer.transaction, answer.mapped),
            (Class::Success, [3; 12], Some(road(5000).remote))
        );
        assert!(answer.is_signed_with(&Key::from_password(&credentials("S").pwd)) && answer.has_fingerprint());
        assert_eq!(lite.road(), Some(road(5000)));
    }

    /// U2, F9.
    #[test]
    fn who_cannot_show_our_password_gets_nothing() {
        let now = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", now);
        let unsigned = Builder::new(Class::Request, Method::BINDING, [3; 12]).username("S:c").use_candidate().finish();
        let forged = Builder::new(Class::Request, Method::BINDING, [3; 12]).username("S:c").use_candidate();
        let forged = forged.sign(&Key::from_password("guess")).finish();
        for bytes in [unsigned, forged, check("S", "x", true), check("T", "c", true)] {
            assert_eq!(handle(&mut lite, now, road(1), &bytes), Outcome::Ignored);
        }
        assert_eq!((lite.road(), lite.seen()), (None, Seen { valid: 0, invalid: 4 }));
    }

    /// U4.
    #[test]
    fn a_roaming_peer_is_followed_when_it_nominates_and_only_then() {
        let now = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", now);
        handle(&mut lite, now, road(1), &check("S", "c", true));
        assert!(matches!(handle(&mut lite, now, road(2), &check("S", "c", false)), Outcome::Reply(_)));
        assert_eq!(lite.road(), Some(road(1)));
        assert!(matches!(handle(&mut lite, now, road(2), &check("S", "c", true)), Outcome::Chosen(_)));
        assert!(matches!(handle(&mut lite, now, road(2), &check("S", "c", true)), Outcome::Reply(_)));
        assert_eq!(lite.road(), Some(road(2)));
    }

    /// W41, U3.
    #[test]
    fn a_silent_peer_is_given_up() {
        let start = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", start);
        assert_eq!(lite.deadline(10 * SECOND), start + 10 * SECOND);
        handle(&mut lite, start + 4 * SECOND, road(1), &check("S", "c", true));
        handle(&mut lite, start + 9 * SECOND, road(1), &check("S", "c", false));
        handle(&mut lite, start + 20 * SECOND, road(2), &check("S", "c", false));
        assert_eq!(lite.deadline(10 * SECOND), start + 9 * SECOND + CONSENT, "another road does not keep this one");
    }

    /// W18, W19.
    #[test]
    fn after_a_restart_the_old_road_lives_until_the_new_one_is_heard() {
        let now = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", now);
        handle(&mut lite, now, road(1), &check("S", "c", true));
        lite.restart(credentials("T"), "d");
        assert!(lite.answers_to("S") && lite.answers_to("T"));
        assert!(matches!(handle(&mut lite, now, road(1), &check("S", "c", false)), Outcome::Reply(_)));
        assert!(matches!(handle(&mut lite, now, road(2), &check("T", "d", true)), Outcome::Chosen(_)));
        assert_eq!(handle(&mut lite, now, road(1), &check("S", "c", true)), Outcome::Ignored);
        assert_eq!((lite.road(), lite.answers_to("S")), (Some(road(2)), false));
    }

    /// U1.
    #[test]
    fn an_attribute_that_must_be_understood_is_named_in_a_signed_refusal() {
        let now = Instant::now();
        let mut lite = Lite::new(credentials("S"), "c", now);
        let request = Builder::new(Class::Request, Method::BINDING, [3; 12]).username("S:c").attribute(0x007f, b"");
        let request = request.sign(&Key::from_password(&credentials("S").pwd)).finish();
        let Outcome::Reply(refusal) = handle(&mut lite, now, road(1), &request) else { panic!() };
        assert_eq!(Message::parse(&refusal).unwrap().error, Some(420));
    }
}
