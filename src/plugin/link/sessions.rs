//! What the sessions of an element carry, for whoever wants to know.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    moq_lite::{Session, SessionStats},
    net,
};

/// The sessions that are open, the oldest first. Clones are the same.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Sessions(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    open: Vec<Open>,
    total: u64,
    /// Groups that sessions which are gone did not send whole in time.
    late: u64,
}

struct Open {
    id: u64,
    origin: Origin,
    remote: String,
    carrier: net::Carrier,
    since: Instant,
    session: Weak<Session>,
}

/// Takes a session out of the list when it is dropped.
pub(super) struct Listed(Sessions, u64);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}

/// Whence a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum Origin {
    /// It was made to the server of the URL.
    Url,
    /// It was accepted on the open port.
    Listen,
}

impl Origin {
    /// As properties call it.
    pub(in crate::plugin) fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Listen => "listen",
        }
    }
}

/// An open session at one moment.
#[derive(Debug, Clone)]
pub(in crate::plugin) struct Measured {
    /// Counts the sessions of a run.
    pub(in crate::plugin) id: u64,
    pub(in crate::plugin) origin: Origin,
    /// Host or address.
    pub(in crate::plugin) remote: String,
    pub(in crate::plugin) carrier: net::Carrier,
    pub(in crate::plugin) age: Duration,
    pub(in crate::plugin) stats: SessionStats,
}

/// All sessions together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::plugin) struct Traffic {
    /// The round-trip time of the newest.
    pub(in crate::plugin) rtt: Option<Duration>,
    /// What could be sent to the server of the URL, or else to the slowest peer, in bit/s.
    pub(in crate::plugin) send_rate: Option<u64>,
    /// What the peer of the newest could send, in bit/s, where it says so.
    pub(in crate::plugin) receive_rate: Option<u64>,
    pub(in crate::plugin) bytes_sent: u64,
    pub(in crate::plugin) bytes_received: u64,
    pub(in crate::plugin) packets_lost: u64,
}

impl Open {
    fn measure(&self) -> Option<Measured> {
        Some(Measured {
            id: self.id,
            origin: self.origin,
            remote: self.remote.clone(),
            carrier: self.carrier,
            age: self.since.elapsed(),
            stats: self.session.upgrade()?.stats(),
        })
    }
}

impl Sessions {
    /// Lists a session for as long as the guard lives.
    pub(super) fn add(
        &self,
        session: &Arc<Session>,
        origin: Origin,
        remote: String,
        carrier: net::Carrier,
    ) -> Listed {
        let mut table = self.0.lock();
        table.total += 1;
        let id = table.total;
        table.open.push(Open {
            id,
            origin,
            remote,
            carrier,
            since: Instant::now(),
            session: Arc::downgrade(session),
        });
        Listed(self.clone(), id)
    }

    fn remove(&self, id: u64) {
        let mut table = self.0.lock();
        let Some(index) = table.open.iter().position(|open| open.id == id) else {
            return;
        };
        let gone = table.open.remove(index).measure();
        table.late += gone.map_or(0, |gone| gone.stats.sent.old);
    }

    /// Every session that is open.
    pub(in crate::plugin) fn measure(&self) -> Vec<Measured> {
        let table = self.0.lock();
        table.open.iter().filter_map(Open::measure).collect()
    }

    /// Groups that were not sent whole because they had become too old, in this run.
    pub(in crate::plugin) fn late(&self) -> u64 {
        let table = self.0.lock();
        let open = table.open.iter().filter_map(Open::measure);
        table.late + open.map(|open| open.stats.sent.old).sum::<u64>()
    }

    pub(in crate::plugin) fn traffic(&self) -> Traffic {
        let sessions = self.measure();
        let mut all = Traffic {
            send_rate: send_rate(&sessions),
            ..Traffic::default()
        };
        for Measured { stats, .. } in sessions {
            all.rtt = stats.rtt;
            all.receive_rate = stats.receive_rate;
            all.bytes_sent += stats.bytes_sent.unwrap_or(0);
            all.bytes_received += stats.bytes_received.unwrap_or(0);
            all.packets_lost += stats.packets_lost.unwrap_or(0);
        }
        all
    }
}

fn send_rate(sessions: &[Measured]) -> Option<u64> {
    let of = |origin| {
        let listed = sessions.iter().filter(move |open| open.origin == origin);
        listed.filter_map(|open| rate(&open.stats)).min()
    };
    of(Origin::Url).or_else(|| of(Origin::Listen))
}

fn rate(stats: &SessionStats) -> Option<u64> {
    stats.send_rate.or_else(|| {
        let rtt = stats.rtt.filter(|rtt| !rtt.is_zero())?;
        Some((stats.congestion_window? as f64 * 8.0 / rtt.as_secs_f64()) as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(origin: Origin, send: Option<u64>) -> Measured {
        let stats = SessionStats {
            send_rate: send,
            ..SessionStats::default()
        };
        Measured {
            id: 1,
            origin,
            remote: "somewhere".into(),
            carrier: net::Carrier::Quic,
            age: Duration::ZERO,
            stats,
        }
    }

    #[test]
    fn the_relay_counts_and_else_the_slowest_viewer() {
        let viewers = [
            open(Origin::Listen, Some(5)),
            open(Origin::Listen, None),
            open(Origin::Listen, Some(3)),
        ];
        assert_eq!(send_rate(&viewers), Some(3));
        let [first, second, third] = viewers;
        let relay = open(Origin::Url, Some(9));
        assert_eq!(send_rate(&[first, relay, second, third]), Some(9));
        assert_eq!(send_rate(&[]), None);
    }

    #[test]
    fn the_congestion_window_in_a_round_trip_is_a_rate() {
        let stats = SessionStats {
            rtt: Some(Duration::from_millis(100)),
            congestion_window: Some(12_500),
            ..SessionStats::default()
        };
        assert_eq!(rate(&stats), Some(1_000_000));
    }
}
