use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts sessions, and lets nobody in above the limits (conformance F24).
#[derive(Clone)]
pub(crate) struct Door {
    inside: Arc<Mutex<Inside>>,
    limit: usize,
    connecting_per_address: usize,
}

#[derive(Default)]
struct Inside {
    sessions: usize,
    connecting: HashMap<IpAddr, usize>,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The server has as many sessions as it may.
    Total,
    /// That address has as many that are not connected as it may.
    Address,
}

/// A place inside; left when dropped.
pub(crate) struct Seat {
    inside: Arc<Mutex<Inside>>,
    /// Counted as connecting for that address.
    connecting: Option<IpAddr>,
}

impl Door {
    pub(crate) fn new(limit: usize, connecting_per_address: usize) -> Self {
        Self { inside: Arc::default(), limit, connecting_per_address }
    }

    /// The last tenth of the places is not for viewers: whoever publishes finds one.
    pub(crate) fn enter(&self, peer: IpAddr, is_viewer: bool) -> Result<Seat, Full> {
        let address = counted(peer);
        let mut inside = lock(&self.inside);
        let kept = if is_viewer { self.limit / 10 } else { 0 };
        if inside.sessions >= self.limit - kept {
            return Err(Full::Total);
        }
        let connecting = inside.connecting.get(&address).copied().unwrap_or(0);
        if connecting >= self.connecting_per_address {
            return Err(Full::Address);
        }
        inside.connecting.insert(address, connecting + 1);
        inside.sessions += 1;
        Ok(Seat { inside: self.inside.clone(), connecting: Some(address) })
    }
}

impl Seat {
    /// Whoever sits here is connected.
    pub(crate) fn connected(&mut self) {
        if let Some(address) = self.connecting.take() {
            lock(&self.inside).uncount(address);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = lock(&self.inside);
        inside.sessions = inside.sessions.saturating_sub(1);
        if let Some(address) = self.connecting {
            inside.uncount(address);
        }
    }
}

impl Inside {
    fn uncount(&mut self, address: IpAddr) {
        if let Some(count) = self.connecting.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.connecting.remove(&address);
            }
        }
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts as one address: of IPv6 the first 64 bits, for one customer has all of the rest.
fn counted(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(door: &Door, peer: &str) -> Result<Seat, Full> {
        door.enter(peer.parse().unwrap(), false)
    }

    /// F24.
    #[test]
    fn only_so_many_of_one_address_may_be_connecting() {
        let door = Door::new(5, 2);
        let mut first = enter(&door, "2001:db8::1").ok().unwrap();
        let second = enter(&door, "2001:db8::2").ok().unwrap();
        assert_eq!(enter(&door, "2001:db8::3").err(), Some(Full::Address));
        let _other = enter(&door, "192.0.2.1").ok().unwrap();
        first.connected();
        first.connected();
        let third = enter(&door, "2001:db8::3").ok().unwrap();
        assert_eq!(enter(&door, "2001:db8::3").err(), Some(Full::Address));
        drop((second, third));
        assert!(enter(&door, "::ffff:192.0.2.1").is_ok());
        drop(first);
        let inside = door.inside.lock().unwrap();
        assert_eq!((inside.sessions, inside.connecting.len()), (1, 1));
    }

    #[test]
    fn the_house_has_an_end() {
        let door = Door::new(1, 5);
        let seat = enter(&door, "192.0.2.1").ok();
        assert_eq!(enter(&door, "192.0.2.2").err(), Some(Full::Total));
        drop(seat);
        assert!(enter(&door, "192.0.2.2").is_ok());
    }

    #[test]
    fn viewers_leave_room_for_publishers() {
        let door = Door::new(20, 50);
        let peer = "192.0.2.1".parse().unwrap();
        let seats: Vec<_> = std::iter::from_fn(|| door.enter(peer, true).ok()).collect();
        assert_eq!(seats.len(), 18);
        let publishers: Vec<_> = std::iter::from_fn(|| door.enter(peer, false).ok()).collect();
        assert_eq!(publishers.len(), 2);
    }
}
