use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts who is in, and lets nobody in above the limits (conformance F3, F8).
#[derive(Clone)]
pub(crate) struct Door {
    inside: Arc<Mutex<Inside>>,
    limit: usize,
    limit_per_address: usize,
}

#[derive(Default)]
struct Inside {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place inside; leaves it when dropped.
pub(crate) struct Seat {
    inside: Arc<Mutex<Inside>>,
    address: Option<IpAddr>,
}

impl Door {
    pub(crate) fn new(limit: usize, limit_per_address: usize) -> Self {
        Self { inside: Arc::default(), limit, limit_per_address }
    }

    /// A seat, or the name of the limit that is reached.
    pub(crate) fn enter(&self, peer: IpAddr) -> Result<Seat, &'static str> {
        let address = counted(peer);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.total >= self.limit {
            return Err("total");
        }
        if let Some(address) = address {
            let there = inside.by_address.entry(address).or_default();
            if *there >= self.limit_per_address {
                return Err("address");
            }
            *there += 1;
        }
        inside.total += 1;
        Ok(Seat { inside: self.inside.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total = inside.total.saturating_sub(1);
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
        let door = Door::new(5, 2);
        let first = enter(&door, "192.0.2.1").ok();
        let _second = enter(&door, "192.0.2.1").ok().unwrap();
        assert_eq!(enter(&door, "192.0.2.1").err(), Some("address"));
        let _other = enter(&door, "192.0.2.2").ok().unwrap();
        drop(first);
        assert!(enter(&door, "192.0.2.1").is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let door = Door::new(5, 1);
        let _first = enter(&door, "2001:db8::1").ok().unwrap();
        assert_eq!(enter(&door, "2001:db8::ffff:2").err(), Some("address"));
        assert!(enter(&door, "2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn loopback_is_held_by_the_total_alone() {
        let door = Door::new(3, 1);
        let seats: Vec<_> = (0..3).map(|_| enter(&door, "127.0.0.1").ok().unwrap()).collect();
        assert_eq!(enter(&door, "::1").err(), Some("total"));
        drop(seats);
        assert!(enter(&door, "::1").is_ok());
        assert!(door.inside.lock().unwrap().by_address.is_empty());
    }
}
