use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong keys that an address may try at once.
const BURST: u32 = 10;

/// How long it takes to be granted one more.
const PER_GUESS: Duration = Duration::from_secs(6);

/// How many addresses are remembered in each of the two generations.
const REMEMBERED: usize = 4_096;

/// Counts wrong keys by address, in bounded memory.
///
/// Two generations: when the young one is full it becomes the old one and what was old is forgotten. An address is
/// so forgotten after thousands of others at the earliest.
#[derive(Default)]
pub(crate) struct Guesses {
    young: HashMap<IpAddr, Guesser>,
    old: HashMap<IpAddr, Guesser>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Guesser {
    /// When all guesses made so far will have been forgiven.
    clean_at: Instant,
    /// Of the last key tried, not the key. A player that repeats one stale key is not guessing.
    last: u64,
}

/// What a wrong key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Go on trying.
    Patient,
    /// That was the last one for a while.
    Fed,
}

impl Guesses {
    /// Whether this address has tried so many keys that no more of them are looked at for now.
    pub(crate) fn is_barred(&self, peer: IpAddr, now: Instant) -> bool {
        let address = one_subscriber(peer);
        let guesser = self.young.get(&address).or_else(|| self.old.get(&address));
        guesser.is_some_and(|guesser| guesser.is_barred(now))
    }

    /// Remembers that this address tried a key that opens nothing.
    pub(crate) fn wrong(&mut self, peer: IpAddr, key: &str, now: Instant) -> Mood {
        let address = one_subscriber(peer);
        let last = self.hasher.hash_one(key);
        let known = self.young.get(&address).or_else(|| self.old.get(&address)).copied();
        if known.is_some_and(|guesser| guesser.last == last) {
            return Mood::Patient;
        }
        let clean_at = known.map_or(now, |guesser| guesser.clean_at.max(now)) + PER_GUESS;
        let guesser = Guesser { clean_at, last };
        if self.young.len() >= REMEMBERED && !self.young.contains_key(&address) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, guesser);
        if guesser.is_barred(now) { Mood::Fed } else { Mood::Patient }
    }
}

impl Guesser {
    fn is_barred(&self, now: Instant) -> bool {
        self.clean_at.saturating_duration_since(now) > PER_GUESS * (BURST - 1)
    }
}

/// What one household or machine holds: an IPv4 address, a /64 of IPv6.
fn one_subscriber(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn guess(guesses: &mut Guesses, peer: IpAddr, from: usize, count: usize, now: Instant) {
        for index in from..from + count {
            guesses.wrong(peer, &index.to_string(), now);
        }
    }

    #[test]
    fn ten_wrong_keys_bar_an_address_and_time_forgives_them_one_by_one() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        guess(&mut guesses, PEER, 0, 9, now);
        assert!(!guesses.is_barred(PEER, now));
        assert_eq!(guesses.wrong(PEER, "9", now), Mood::Fed);
        assert!(guesses.is_barred(PEER, now));
        assert!(guesses.is_barred(PEER, now + PER_GUESS - Duration::from_millis(1)));
        assert!(!guesses.is_barred(PEER, now + PER_GUESS));
    }

    #[test]
    fn one_stale_key_over_and_over_is_no_guessing() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..1_000 {
            guesses.wrong(PEER, "stale", now);
        }
        assert!(!guesses.is_barred(PEER, now));
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for index in 0..10u16 {
            let peer = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, index);
            guesses.wrong(peer.into(), &index.to_string(), now);
        }
        assert!(guesses.is_barred("2001:db8:0:1::ffff".parse().unwrap(), now));
        assert!(!guesses.is_barred("2001:db8:0:2::1".parse().unwrap(), now));
    }

    #[test]
    fn memory_stays_bounded_and_a_fresh_offender_is_not_forgotten() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for index in 0..50_000u32 {
            let peer = std::net::Ipv4Addr::from_bits(index.wrapping_mul(7919));
            guesses.wrong(peer.into(), "x", now);
        }
        guess(&mut guesses, PEER, 0, 10, now);
        for index in 0..REMEMBERED as u32 {
            guesses.wrong(std::net::Ipv4Addr::from_bits(index).into(), "x", now);
        }
        assert!(guesses.is_barred(PEER, now));
        assert!(guesses.young.len() + guesses.old.len() <= 2 * REMEMBERED);
    }
}
