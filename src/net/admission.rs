//! How many handshakes and requests each host may begin.
//!
//! Whoever has not shown that its address is its own could use up what belongs to another. So a host that comes too often
//! is asked to show it first, which costs nothing here, and only what it does then counts against it.

use std::{collections::HashMap, net::IpAddr, time::Instant};

use super::Host;

/// What each host may take of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Handshakes a second, and as many at once after a pause: so many of clients that may have made their address up,
    /// and so many of those that have shown that it is their own.
    pub handshakes: u32,
    /// Connections for HTTP at the same time.
    pub requests: usize,
    /// Bytes that one connection may send here before they are read.
    pub receive_window: u32,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            handshakes: 50,
            requests: 32,
            receive_window: 64 << 20,
        }
    }
}

/// What to do with a host that begins a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    /// It must show that the address is its own.
    Prove,
    Refuse,
}

/// The handshakes of late.
#[derive(Debug)]
pub(super) struct Admission {
    rate: f64,
    hosts: HashMap<Host, Visits>,
}

/// What a host has left of each.
#[derive(Debug, Clone, Copy)]
struct Visits {
    claimed: f64,
    proven: f64,
    at: Instant,
}

impl Admission {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate.max(1)),
            hosts: HashMap::new(),
        }
    }

    /// Counts a handshake; `proven`: the address is that of the client for sure.
    pub(super) fn judge(&mut self, address: IpAddr, proven: bool, now: Instant) -> Verdict {
        let rate = self.rate;
        let host = Host::from(address);
        if self.hosts.len() >= MOST_HOSTS && !self.hosts.contains_key(&host) {
            self.hosts.retain(|_, visits| {
                visits.refill(rate, now);
                visits.claimed < rate || visits.proven < rate
            });
            if self.hosts.len() >= MOST_HOSTS {
                // So many at once cannot be told apart: other limits hold.
                return if proven {
                    Verdict::Welcome
                } else {
                    Verdict::Prove
                };
            }
        }
        let visits = self.hosts.entry(host).or_insert(Visits {
            claimed: rate,
            proven: rate,
            at: now,
        });
        visits.refill(rate, now);
        let (left, otherwise) = if proven {
            (&mut visits.proven, Verdict::Refuse)
        } else {
            (&mut visits.claimed, Verdict::Prove)
        };
        if *left < 1.0 {
            return otherwise;
        }
        *left -= 1.0;
        Verdict::Welcome
    }
}

impl Visits {
    fn refill(&mut self, rate: f64, now: Instant) {
        let more = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.claimed = (self.claimed + more).min(rate);
        self.proven = (self.proven + more).min(rate);
        self.at = now;
    }
}

/// Hosts that are remembered.
const MOST_HOSTS: usize = 4096;

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    #[test]
    fn a_host_that_comes_too_often_must_prove_its_address_and_is_then_refused() {
        let mut admission = Admission::new(2);
        let (now, host) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let mut judge = |proven, at| admission.judge(host, proven, at);
        assert_eq!(judge(false, now), Verdict::Welcome);
        assert_eq!(judge(false, now), Verdict::Welcome);
        assert_eq!(judge(false, now), Verdict::Prove);
        assert_eq!(judge(true, now), Verdict::Welcome);
        assert_eq!(judge(true, now), Verdict::Welcome);
        assert_eq!(judge(true, now), Verdict::Refuse);
        let later = now + Duration::from_millis(500);
        assert_eq!(judge(true, later), Verdict::Welcome);
        assert_eq!(judge(true, later), Verdict::Refuse);
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(admission.judge(other, true, later), Verdict::Welcome);
    }

    #[test]
    fn no_more_hosts_are_remembered_than_the_limit() {
        let mut admission = Admission::new(1);
        let now = Instant::now();
        let address = |number: usize| {
            IpAddr::from(Ipv4Addr::from(u32::try_from(number).expect("it is small")))
        };
        for number in 0..MOST_HOSTS {
            assert_eq!(
                admission.judge(address(number), false, now),
                Verdict::Welcome
            );
        }
        assert_eq!(
            admission.judge(address(MOST_HOSTS), false, now),
            Verdict::Prove
        );
        let later = now + Duration::from_secs(1);
        assert_eq!(
            admission.judge(address(MOST_HOSTS), false, later),
            Verdict::Welcome
        );
        assert_eq!(admission.hosts.len(), 1);
    }
}
