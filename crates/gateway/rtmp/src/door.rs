use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Counts who is in, and lets nobody in above the limits (conformance F3, F8).
///
/// Somebody who only sits there cannot keep a publisher out: when all seats are taken, the stranger who has been
/// there longest makes room.
#[derive(Clone)]
pub(crate) struct Door {
    inside: Arc<Mutex<Inside>>,
    limit: usize,
    limit_per_address: usize,
    /// Of the seats, how many players may have: the others are there for publishers whatever the crowd.
    players: usize,
}

#[derive(Default)]
struct Inside {
    serial: u64,
    /// Those who do not publish yet, the oldest first, and how to send each away.
    strangers: BTreeMap<u64, CancellationToken>,
    publishers: usize,
    players: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// What somebody is inside for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Stranger,
    Publisher,
    Player,
}

/// A place inside; leaves it when dropped.
pub(crate) struct Seat {
    inside: Arc<Mutex<Inside>>,
    serial: u64,
    part: Part,
    most_players: usize,
    address: Option<IpAddr>,
    /// Somebody else needs this seat.
    pub(crate) needed: CancellationToken,
}

impl Door {
    pub(crate) fn new(limit: usize, limit_per_address: usize, players: usize) -> Self {
        Self { inside: Arc::default(), limit, limit_per_address, players }
    }

    /// A seat, or the name of the limit that is reached.
    pub(crate) fn enter(&self, peer: IpAddr) -> Result<Seat, &'static str> {
        let address = counted(peer);
        let mut guard = lock(&self.inside);
        let inside = &mut *guard;
        let there = address.and_then(|address| inside.by_address.get(&address).copied()).unwrap_or(0);
        if there >= self.limit_per_address {
            return Err("address");
        }
        if inside.strangers.len() + inside.publishers + inside.players >= self.limit {
            let Some((_, oldest)) = inside.strangers.pop_first() else { return Err("total") };
            oldest.cancel();
        }
        if let Some(address) = address {
            inside.by_address.insert(address, there + 1);
        }
        inside.serial += 1;
        let needed = CancellationToken::new();
        inside.strangers.insert(inside.serial, needed.clone());
        Ok(Seat {
            inside: self.inside.clone(),
            serial: inside.serial,
            part: Part::Stranger,
            most_players: self.players,
            address,
            needed,
        })
    }
}

impl Seat {
    /// Whoever sits here was let in to publish, and stays.
    pub(crate) fn keep(&mut self) {
        self.leave_part();
        lock(&self.inside).publishers += 1;
        self.part = Part::Publisher;
    }

    /// Whoever sits here was let in to play, and stays; false if there are as many players as may be.
    pub(crate) fn watch(&mut self) -> bool {
        if self.part == Part::Player {
            return true;
        }
        {
            let mut inside = lock(&self.inside);
            if inside.players >= self.most_players {
                return false;
            }
            inside.players += 1;
        }
        self.leave_part();
        self.part = Part::Player;
        true
    }

    fn leave_part(&self) {
        let mut inside = lock(&self.inside);
        match self.part {
            Part::Stranger => drop(inside.strangers.remove(&self.serial)),
            Part::Publisher => inside.publishers = inside.publishers.saturating_sub(1),
            Part::Player => inside.players = inside.players.saturating_sub(1),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave_part();
        let mut inside = lock(&self.inside);
        if let Some(address) = self.address
            && let Some(there) = inside.by_address.get_mut(&address)
        {
            *there -= 1;
            if *there == 0 {
                inside.by_address.remove(&address);
            }
        }
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts as one address: of IPv6 the first 64 bits, for one customer has all of the rest. Loopback is not
/// counted: behind a proxy on the same machine everybody comes from there.
fn counted(peer: IpAddr) -> Option<IpAddr> {
    match peer {
        _ if peer.is_loopback() => None,
        IpAddr::V4(_) => Some(peer),
        IpAddr::V6(v6) => Some(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(door: &Door, peer: &str) -> Result<Seat, &'static str> {
        door.enter(peer.parse().unwrap())
    }

    /// F8.
    #[test]
    fn one_address_cannot_take_all_seats() {
        let door = Door::new(5, 2, 5);
        let first = enter(&door, "192.0.2.1").ok();
        let _second = enter(&door, "192.0.2.1").ok().unwrap();
        assert_eq!(enter(&door, "192.0.2.1").err(), Some("address"));
        let _other = enter(&door, "192.0.2.2").ok().unwrap();
        drop(first);
        assert!(enter(&door, "192.0.2.1").is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let door = Door::new(5, 1, 5);
        let _first = enter(&door, "2001:db8::1").ok().unwrap();
        assert_eq!(enter(&door, "2001:db8::ffff:2").err(), Some("address"));
        assert!(enter(&door, "2001:db8:0:1::1").is_ok());
    }

    /// F3.
    #[test]
    fn the_longest_stranger_makes_room_and_a_publisher_never() {
        let door = Door::new(3, 1, 3);
        let mut seats: Vec<_> = (0..3).map(|_| enter(&door, "127.0.0.1").ok().unwrap()).collect();
        seats[0].keep();
        seats.push(enter(&door, "::1").ok().unwrap());
        let needed: Vec<_> = seats.iter().map(|seat| seat.needed.is_cancelled()).collect();
        assert_eq!(needed, [false, true, false, false]);
        // Sent away, yet about to be let in: too late.
        seats[1].keep();
        seats[2].keep();
        seats[3].keep();
        assert_eq!(enter(&door, "::1").err(), Some("total"));
        drop(seats);
        assert!(enter(&door, "192.0.2.1").is_ok());
        let inside = door.inside.lock().unwrap();
        assert_eq!((inside.strangers.len(), inside.publishers, inside.by_address.len()), (0, 0, 0));
    }

    /// Players are never displaced, and never so many that a publisher finds no seat.
    #[test]
    fn players_leave_seats_to_publishers() {
        let door = Door::new(3, 1, 2);
        let mut seats: Vec<_> = (0..3).map(|_| enter(&door, "127.0.0.1").ok().unwrap()).collect();
        assert!(seats[0].watch() && seats[0].watch() && seats[1].watch());
        assert!(!seats[2].watch(), "two are enough");
        let mut publisher = enter(&door, "127.0.0.1").ok().unwrap();
        assert!(seats[2].needed.is_cancelled() && !seats[0].needed.is_cancelled());
        drop(seats.pop());
        publisher.keep();
        drop(seats.pop());
        assert!(enter(&door, "127.0.0.1").ok().unwrap().watch());
        drop((publisher, seats));
        let inside = door.inside.lock().unwrap();
        assert_eq!((inside.strangers.len(), inside.publishers, inside.players), (0, 0, 0));
    }
}
