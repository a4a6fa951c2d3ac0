//! What the sessions of an element carry, for whoever wants to know.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;

use crate::moq_lite::{Session, SessionStats};

/// The sessions that are open, the oldest first. Clones are the same.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Sessions(Arc<Mutex<Vec<Weak<Session>>>>);

/// All sessions together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::plugin) struct Traffic {
    /// The round-trip time of the newest.
    pub(in crate::plugin) rtt: Option<Duration>,
    /// What the newest could send, in bit/s.
    pub(in crate::plugin) send_rate: Option<u64>,
    /// What the peer of the newest could send, in bit/s, where it says so.
    pub(in crate::plugin) receive_rate: Option<u64>,
    pub(in crate::plugin) bytes_sent: u64,
    pub(in crate::plugin) bytes_received: u64,
    pub(in crate::plugin) packets_lost: u64,
}

impl Sessions {
    pub(super) fn add(&self, session: &Arc<Session>) {
        let mut sessions = self.0.lock();
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    /// Each of them.
    pub(in crate::plugin) fn stats(&self) -> Vec<SessionStats> {
        let sessions: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        sessions.iter().map(|session| session.stats()).collect()
    }

    pub(in crate::plugin) fn traffic(&self) -> Traffic {
        let mut all = Traffic::default();
        for stats in self.stats() {
            all.rtt = stats.rtt;
            all.send_rate = stats.send_rate;
            all.receive_rate = stats.receive_rate;
            all.bytes_sent += stats.bytes_sent.unwrap_or(0);
            all.bytes_received += stats.bytes_received.unwrap_or(0);
            all.packets_lost += stats.packets_lost.unwrap_or(0);
        }
        all
    }
}
