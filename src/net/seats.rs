//! How many connections each host has open.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;

use super::Host;

/// The hosts that have connections. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<Host, usize>>>);

/// One connection; it is free again when the value goes.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    host: Host,
}

impl Seats {
    /// Takes one of the `most` that `host` may have; `None` when it has them.
    pub(super) fn take(&self, host: Host, most: usize) -> Option<Seat> {
        let mut hosts = self.0.lock();
        let taken = hosts.entry(host).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        let seats = self.clone();
        Some(Seat { seats, host })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Entry::Occupied(mut taken) = self.seats.0.lock().entry(self.host) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn each_host_has_its_own_and_gets_them_back() {
        let host = |last: u8| Host::from(IpAddr::from([192, 0, 2, last]));
        let seats = Seats::default();
        let first = seats.take(host(1), 2);
        let _second = seats.take(host(1), 2);
        assert!(first.is_some() && seats.take(host(1), 2).is_none());
        let other = seats.take(host(2), 2);
        drop(first);
        assert!(seats.take(host(1), 2).is_some());
        drop(other);
        assert_eq!(seats.0.lock().len(), 1);
    }
}
