//! Who may connect: counters of connections.
//!
//! It must not know sockets. What comes next: `listen` asks for a permit for each connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many connections there are, and how many there may be.
#[derive(Debug)]
pub struct Connections {
    unauthenticated_max: u32,
    per_address_max: u32,
    /// Held for one look-up when a connection comes, authenticates or goes.
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    unauthenticated: u32,
    /// Left empty where the number of an address's connections has no limit.
    per_address: HashMap<IpAddr, u32>,
}

/// There are too many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many that have not authenticated, all together.
    #[error("too many unauthenticated connections")]
    Unauthenticated,
    /// Too many from this address.
    #[error("too many connections from this address")]
    Address,
}

/// Counts one connection for as long as it lives.
#[derive(Debug)]
pub struct ConnectionPermit {
    connections: Arc<Connections>,
    address: IpAddr,
    authenticated: bool,
}

impl Connections {
    /// Counters with these limits; `per_address_max` of 0 is no limit.
    pub fn new(unauthenticated_max: u32, per_address_max: u32) -> Arc<Self> {
        Arc::new(Self {
            unauthenticated_max,
            per_address_max,
            counts: Mutex::default(),
        })
    }

    /// A permit for an unauthenticated connection from this address; an IPv6 /64 counts as one address.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, Refused> {
        let address = network(address);
        let mut counts = self.counts();
        if counts.unauthenticated >= self.unauthenticated_max {
            return Err(Refused::Unauthenticated);
        }
        if self.per_address_max > 0 {
            let of_address = counts.per_address.entry(address).or_default();
            if *of_address >= self.per_address_max {
                return Err(Refused::Address);
            }
            *of_address += 1;
        }
        counts.unauthenticated += 1;
        Ok(ConnectionPermit {
            connections: Arc::clone(self),
            address,
            authenticated: false,
        })
    }

    /// Connections that have not authenticated yet.
    pub fn unauthenticated(&self) -> u32 {
        self.counts().unauthenticated
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPermit {
    /// Whether it is still counted anywhere: once authenticated, only where addresses have a limit.
    pub fn counts(&self) -> bool {
        !self.authenticated || self.connections.per_address_max > 0
    }

    /// The connection has authenticated: it counts for its address only.
    pub fn authenticate(&mut self) {
        if !std::mem::replace(&mut self.authenticated, true) {
            self.connections.counts().unauthenticated -= 1;
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.authenticate();
        if self.connections.per_address_max > 0 {
            let mut counts = self.connections.counts();
            if let Some(of_address) = counts.per_address.get_mut(&self.address) {
                *of_address -= 1;
                if *of_address == 0 {
                    counts.per_address.remove(&self.address);
                }
            }
        }
    }
}

/// What counts as one address: an IPv4 address, also one mapped into IPv6, or the /64 that an IPv6 customer gets.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn unauthenticated_connections_are_bounded_in_all() {
        let connections = Connections::new(2, 0);
        let mut first = connections.admit(address("10.0.0.1")).unwrap();
        let second = connections.admit(address("10.0.0.2")).unwrap();
        assert_eq!(
            connections.admit(address("10.0.0.3")).err(),
            Some(Refused::Unauthenticated)
        );
        first.authenticate();
        let third = connections.admit(address("10.0.0.3")).unwrap();
        drop(second);
        assert_eq!(connections.unauthenticated(), 1);
        drop((first, third));
        assert_eq!(connections.unauthenticated(), 0);
    }

    #[test]
    fn an_address_keeps_its_count_until_its_connections_are_gone() {
        let connections = Connections::new(9, 1);
        let mut first = connections.admit(address("2001:db8::1")).unwrap();
        first.authenticate();
        assert_eq!(connections.admit(address("2001:db8::2")).err(), Some(Refused::Address));
        assert!(connections.admit(address("2001:db8:0:1::2")).is_ok());
        drop(first);
        assert!(connections.admit(address("2001:db8::2")).is_ok());
        assert!(connections.counts().per_address.is_empty());
    }
}
