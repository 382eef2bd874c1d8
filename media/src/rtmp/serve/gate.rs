//! How many may be inside at a time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts connections in total and by address.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    inside: Arc<Mutex<Inside>>,
    total_max: usize,
    per_address_max: usize,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    /// Nobody stays here with 0.
    by_address: HashMap<IpAddr, usize>,
}

/// One place; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    inside: Arc<Mutex<Inside>>,
    address: IpAddr,
}

impl Gate {
    pub(super) fn new(total_max: usize, per_address_max: usize) -> Gate {
        Gate { inside: Arc::default(), total_max, per_address_max }
    }

    /// A place, if there is one.
    pub(super) fn enter(&self, from: IpAddr) -> Option<Permit> {
        let address = network(from);
        let mut inside = self.inside.lock();
        let here = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.total >= self.total_max || here >= self.per_address_max {
            return None;
        }
        inside.total += 1;
        inside.by_address.insert(address, here + 1);
        Some(Permit { inside: self.inside.clone(), address })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inside = self.inside.lock();
        inside.total -= 1;
        let Some(here) = inside.by_address.get_mut(&self.address) else { return };
        *here -= 1;
        if *here == 0 {
            inside.by_address.remove(&self.address);
        }
    }
}

/// What one owner has: an IPv4 address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let gate = Gate::new(3, 2);
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = gate.enter(here).unwrap();
        let _second = gate.enter(here).unwrap();
        assert!(gate.enter(here).is_none(), "two of one address");
        let _third = gate.enter(there).unwrap();
        assert!(gate.enter(there).is_none(), "three in total");
        drop(first);
        let _again = gate.enter(here).unwrap();
        assert_eq!(gate.inside.lock().total, 3);
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one() {
        let gate = Gate::new(9, 1);
        let _one = gate.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(gate.enter("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(gate.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
        let _v4 = gate.enter("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(gate.enter("10.0.0.1".parse().unwrap()).is_none());
    }
}
