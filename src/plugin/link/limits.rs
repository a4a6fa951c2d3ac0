//! What peers may take of an element that listens.

use std::time::Duration;

use crate::moq_lite;

/// What peers may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) struct Limits {
    /// Sessions at the same time.
    pub(in crate::plugin) sessions: usize,
    /// Sessions of one address at the same time.
    pub(in crate::plugin) sessions_per_address: usize,
    /// Handshakes of one address in a second.
    pub(in crate::plugin) handshakes_per_address: usize,
    /// Of one session: subscriptions and other requests that are open.
    pub(in crate::plugin) subscriptions: usize,
    /// Of one session: broadcasts that it announces.
    pub(in crate::plugin) announcements: usize,
    /// Bytes under way in all sessions together.
    pub(in crate::plugin) bytes_in_flight: u64,
    /// How long a session may neither ask for nor offer anything.
    pub(in crate::plugin) idle_time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 1024,
            sessions_per_address: 256,
            handshakes_per_address: 50,
            subscriptions: 256,
            announcements: 256,
            bytes_in_flight: 256 << 20,
            idle_time: Some(Duration::from_secs(30)),
        }
    }
}

impl Limits {
    pub(super) fn of_session(&self) -> moq_lite::Limits {
        moq_lite::Limits {
            requests: self.subscriptions,
            announcements: self.announcements,
        }
    }

    /// What each of so many sessions may have under way. A power of two, so that it changes seldom.
    pub(super) fn send_window(&self, sessions: usize) -> u64 {
        let share = self.bytes_in_flight / u64::try_from(sessions.max(1)).unwrap_or(u64::MAX);
        let rounded = (share / 2 + 1).next_power_of_two();
        rounded.clamp(LEAST_WINDOW, MOST_WINDOW)
    }

    /// What each session may send before it is read, however many there are.
    pub(super) fn receive_window(&self) -> u32 {
        let share = self.bytes_in_flight / u64::try_from(self.sessions.max(1)).unwrap_or(u64::MAX);
        let window = share.clamp(MOST_WINDOW, 64 << 20);
        u32::try_from(window.min(self.bytes_in_flight)).unwrap_or(u32::MAX)
    }
}

/// What a session may have under way at least, and at most.
const LEAST_WINDOW: u64 = 64 << 10;
const MOST_WINDOW: u64 = 8 << 20;
