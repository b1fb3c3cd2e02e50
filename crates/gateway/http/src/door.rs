use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    per_address: usize,
    inside: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Door,
    address: IpAddr,
}

impl Door {
    pub(crate) fn new(per_address: usize) -> Self {
        Self { per_address, inside: Arc::default() }
    }

    /// A place for one more connection of that address; `None` when it has as many as it may.
    ///
    /// An IPv6 customer has a whole network of addresses, so the first 64 bits count as one.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            v4 => v4,
        };
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.get(&address).copied().unwrap_or(0);
        if count >= self.per_address {
            return None;
        }
        inside.insert(address, count + 1);
        Some(Place { door: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = inside.entry(self.address) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F8.
    #[test]
    fn an_address_gets_so_many_places_and_they_come_back() {
        let door = Door::new(2);
        let [a, b]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let first = door.enter(a).unwrap();
        let _second = door.enter("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(door.enter(a).is_none());
        let _other = door.enter(b).unwrap();
        drop(first);
        assert!(door.enter(a).is_some());
    }

    /// F8.
    #[test]
    fn one_ipv6_network_is_one_address() {
        let door = Door::new(1);
        let place = door.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(door.enter("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(door.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
        drop(place);
        assert!(door.inside.lock().unwrap().is_empty());
    }
}
