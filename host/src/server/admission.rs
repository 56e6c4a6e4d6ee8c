//! Admission of connections: no more at once than the server file allows, in all and for each address of a viewer.
//!
//! It is asked when a connection comes and told when it goes. Requests pay nothing for it.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Limits of open connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// In all.
    pub(super) all: usize,
    /// From one address; `None` where those are not counted.
    pub(super) of_address: Option<usize>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// As many are open as may be.
    All,
    /// As many are open from this address.
    Address,
}

/// The open connections.
#[derive(Default)]
pub(super) struct Admission {
    all: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// An admitted connection. It counts until this is dropped.
pub(super) struct Admitted {
    admission: Arc<Admission>,
    /// The address under which it counts beside all.
    address: Option<IpAddr>,
}

impl Admission {
    /// Admits a connection from this address.
    pub(super) fn admit(
        self: &Arc<Self>,
        limits: Limits,
        address: IpAddr,
    ) -> Result<Admitted, Full> {
        let more = |count: usize| (count < limits.all).then_some(count + 1);
        self.all
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| Full::All)?;
        let mut admitted = Admitted {
            admission: self.clone(),
            address: None,
        };
        if let Some(limit) = limits.of_address {
            let address = network(address);
            let mut by_address = self.by_address.lock();
            let count = by_address.entry(address).or_default();
            if *count >= limit {
                return Err(Full::Address);
            }
            *count += 1;
            admitted.address = Some(address);
        }
        Ok(admitted)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.all.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else {
            return;
        };
        let mut by_address = self.admission.by_address.lock();
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

/// Returns the address that counts: of IPv6 the network of 64 bits, since a viewer has all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Arc<Admission> {
        Arc::default()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_connection_counts_until_it_ends() {
        let admission = admission();
        let limits = Limits {
            all: 1,
            of_address: None,
        };
        let one = admission.admit(limits, ip("192.0.2.1"));
        assert!(one.is_ok());
        let two = admission.admit(limits, ip("192.0.2.2"));
        assert_eq!(two.err(), Some(Full::All));
        drop(one);
        assert!(admission.admit(limits, ip("192.0.2.2")).is_ok());
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let admission = admission();
        let limits = Limits {
            all: 10,
            of_address: Some(1),
        };
        let one = admission.admit(limits, ip("192.0.2.1"));
        let mapped = admission.admit(limits, ip("::ffff:192.0.2.1"));
        assert_eq!(mapped.err(), Some(Full::Address));
        assert!(admission.admit(limits, ip("192.0.2.2")).is_ok());
        drop(one);
        assert!(admission.admit(limits, ip("192.0.2.1")).is_ok());
        assert!(admission.by_address.lock().is_empty());
        assert_eq!(admission.all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let admission = admission();
        let limits = Limits {
            all: 10,
            of_address: Some(1),
        };
        let _one = admission.admit(limits, ip("2001:db8::1"));
        let same = admission.admit(limits, ip("2001:db8::2:3"));
        assert_eq!(same.err(), Some(Full::Address));
        assert!(admission.admit(limits, ip("2001:db8:0:1::1")).is_ok());
    }
}
