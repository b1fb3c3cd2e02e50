use std::future::{self, Future};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use config::Rule;
use hub::{Action, Admission, Ask, Verdict};
use subtle::{Choice, ConstantTimeEq};

use crate::guesses::{Guesses, Mood};

/// Access by the rules of the configuration.
pub struct Access {
    rules: config::Access,
    guesses: Mutex<Guesses>,
}

impl Access {
    /// Takes the rules.
    pub fn new(rules: config::Access) -> Self {
        Self { rules, guesses: Mutex::default() }
    }

    fn verdict(&self, ask: &Ask, now: Instant) -> Verdict {
        let rules = match ask.action {
            Action::Publish if self.rules.loopback_publishes && ask.peer.to_canonical().is_loopback() => {
                return Verdict::Allowed;
            }
            Action::Publish => &self.rules.publish,
            Action::Watch if !self.rules.watch.iter().any(|rule| rule.path.matches(&ask.path)) => {
                return Verdict::Allowed;
            }
            Action::Watch => &self.rules.watch,
        };
        let Some(secret) = &ask.secret else { return Verdict::NeedsKey };

        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.is_barred(ask.peer, now) {
            return Verdict::WrongKey;
        }
        if opens(rules, ask, secret) {
            return Verdict::Allowed;
        }
        // Who holds a key does not guess.
        if known(self.rules.publish.iter().chain(&self.rules.watch), secret) {
            return Verdict::OtherKey;
        }
        if guesses.wrong(ask.peer, secret, now) == Mood::Fed {
            tracing::warn!(peer = %ask.peer, proto = ask.proto, stream = %ask.path, "too many wrong keys, ignoring further ones for a while");
        }
        Verdict::WrongKey
    }
}

impl Admission for Access {
    fn admit(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        Box::pin(future::ready(self.verdict(&ask, Instant::now())))
    }
}

fn opens(rules: &[Rule], ask: &Ask, secret: &str) -> bool {
    known(rules.iter().filter(|rule| rule.path.matches(&ask.path)), secret)
}

/// Compares with every key to the end, so that the time taken tells nothing about any of them.
fn known<'a>(rules: impl Iterator<Item = &'a Rule>, secret: &str) -> bool {
    let compare = |known, rule: &Rule| known | rule.key.expose().as_bytes().ct_eq(secret.as_bytes());
    rules.fold(Choice::from(0), compare).into()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use config::Secret;

    use super::*;

    const AWAY: &str = "203.0.113.9";

    fn rule(path: &str, key: &str) -> Rule {
        Rule { path: path.parse().unwrap(), key: Secret::new(key) }
    }

    fn access() -> Access {
        Access::new(config::Access {
            publish: vec![rule("live/*", "live-key"), rule("live/bob", "bobs-key"), rule("studio/**", "studio-key")],
            watch: vec![rule("private/**", "watch-key"), rule("private/**", "other-key")],
            loopback_publishes: true,
        })
    }

    fn ask(action: Action, path: &str, peer: &str, secret: Option<&str>) -> Ask {
        let peer = peer.parse::<IpAddr>().unwrap();
        Ask { action, path: path.parse().unwrap(), peer, secret: secret.map(Into::into), proto: "rtmp" }
    }

    fn publish(access: &Access, path: &str, peer: &str, secret: Option<&str>) -> Verdict {
        access.verdict(&ask(Action::Publish, path, peer, secret), Instant::now())
    }

    fn watch(access: &Access, path: &str, peer: &str, secret: Option<&str>) -> Verdict {
        access.verdict(&ask(Action::Watch, path, peer, secret), Instant::now())
    }

    #[test]
    fn without_any_rule_this_machine_publishes_and_no_other_does() {
        let access = Access::new(config::Access::default());
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(publish(&access, "live/alice", loopback, None), Verdict::Allowed, "{loopback}");
        }
        for away in [AWAY, "10.0.0.1", "2001:db8::1", "::ffff:203.0.113.9", "0.0.0.0", "::"] {
            assert_eq!(publish(&access, "live/alice", away, None), Verdict::NeedsKey, "{away}");
            assert_eq!(publish(&access, "live/alice", away, Some("")), Verdict::WrongKey, "{away}");
        }
    }

    #[test]
    fn another_machine_publishes_with_the_key_of_the_path() {
        let access = access();
        assert_eq!(publish(&access, "live/alice", AWAY, Some("live-key")), Verdict::Allowed);
        assert_eq!(publish(&access, "live/alice", AWAY, None), Verdict::NeedsKey);
        assert_eq!(publish(&access, "live/alice", AWAY, Some("live-kez")), Verdict::WrongKey);
        assert_eq!(publish(&access, "live/alice", AWAY, Some("live-key ")), Verdict::WrongKey);
        assert_eq!(publish(&access, "live/alice", AWAY, Some("studio-key")), Verdict::OtherKey, "W9");
        assert_eq!(publish(&access, "live/alice/cam", AWAY, Some("live-key")), Verdict::OtherKey, "W9");
    }

    #[test]
    fn every_key_whose_pattern_matches_opens() {
        let access = access();
        assert_eq!(publish(&access, "live/bob", AWAY, Some("bobs-key")), Verdict::Allowed);
        assert_eq!(publish(&access, "live/bob", AWAY, Some("live-key")), Verdict::Allowed);
        assert_eq!(publish(&access, "live/alice", AWAY, Some("bobs-key")), Verdict::OtherKey);
    }

    #[test]
    fn loopback_needs_a_key_too_where_it_is_told_to() {
        let rules = config::Access { loopback_publishes: false, ..access().rules };
        let access = Access::new(rules);
        assert_eq!(publish(&access, "live/alice", "127.0.0.1", None), Verdict::NeedsKey);
        assert_eq!(publish(&access, "live/alice", "::1", Some("live-key")), Verdict::Allowed);
    }

    #[test]
    fn watching_is_open_unless_the_path_asks_for_a_key() {
        let access = access();
        assert_eq!(watch(&access, "live/alice", AWAY, None), Verdict::Allowed);
        assert_eq!(watch(&access, "live/alice", AWAY, Some("nonsense")), Verdict::Allowed);
        assert_eq!(watch(&access, "private/board", AWAY, None), Verdict::NeedsKey);
        assert_eq!(watch(&access, "private/board", "127.0.0.1", None), Verdict::NeedsKey);
        assert_eq!(watch(&access, "private/board", AWAY, Some("watch-key")), Verdict::Allowed);
        assert_eq!(watch(&access, "private/board", AWAY, Some("other-key")), Verdict::Allowed);
        assert_eq!(watch(&access, "private/board", AWAY, Some("live-key")), Verdict::OtherKey);
    }

    #[test]
    fn a_guesser_is_barred_for_a_while_and_nobody_else_is() {
        let (access, now) = (access(), Instant::now());
        let attempt = |secret: &str, at| access.verdict(&ask(Action::Publish, "live/a", AWAY, Some(secret)), at);
        for guess in 0..10 {
            assert_eq!(attempt(&format!("guess-{guess}"), now), Verdict::WrongKey);
        }
        for key in ["live-key", "studio-key"] {
            assert_eq!(attempt(key, now), Verdict::WrongKey);
        }
        assert_eq!(attempt("live-key", now + Duration::from_secs(6)), Verdict::Allowed);
        assert_eq!(publish(&access, "live/a", "203.0.113.10", Some("live-key")), Verdict::Allowed);
        assert_eq!(watch(&access, "live/a", AWAY, None), Verdict::Allowed);
    }
}
