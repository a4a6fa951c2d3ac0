//! DELIVERY_TIMEOUT: when an object of a group has waited for too long.

use std::{collections::VecDeque, future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::serve::Wish;
use crate::moq_lite::GroupConsumer;

/// Watches the objects of a group that a subscription sends. Their time counts from
/// when they could first be sent to it, so a late joiner gets the whole group.
pub(super) struct Overdue {
    /// Reads ahead of what is sent.
    ahead: Option<GroupConsumer>,
    wishes: watch::Receiver<Wish>,
    /// How many objects were sent.
    sent: watch::Receiver<u64>,
    /// When the objects that were not sent yet came.
    came: VecDeque<Instant>,
    seen: u64,
    last: Option<Instant>,
}

/// What is written whole is mostly there, and resetting it would only take that back.
const ARRIVAL: Duration = Duration::from_secs(1);

impl Overdue {
    pub(super) fn new(
        group: GroupConsumer,
        wishes: watch::Receiver<Wish>,
        sent: watch::Receiver<u64>,
    ) -> Self {
        Self {
            ahead: Some(group),
            wishes,
            sent,
            came: VecDeque::new(),
            seen: 0,
            last: None,
        }
    }

    /// Returns when an object was not sent in time.
    pub(super) async fn run(mut self) {
        loop {
            let timeout = self.wishes.borrow_and_update().timeout;
            let sent = *self.sent.borrow_and_update();
            while self.seen.saturating_sub(self.came.len() as u64) < sent
                && self.came.pop_front().is_some()
            {}
            let deadline = timeout.and_then(|timeout| self.deadline(timeout));
            let frame = async {
                match &mut self.ahead {
                    // Without a timeout nobody asks when objects came.
                    Some(group) if timeout.is_some() => group.next_frame().await,
                    _ => pending().await,
                }
            };
            tokio::select! {
                biased;
                frame = frame => match frame {
                    Ok(Some(_)) => {
                        self.seen += 1;
                        self.last = Some(Instant::now());
                        self.came.extend(self.last);
                    }
                    _ => self.ahead = None,
                },
                Ok(()) = self.sent.changed(), if timeout.is_some() => {}
                Ok(()) = self.wishes.changed() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return;
                }
                else => return pending().await,
            }
        }
    }

    /// Of the oldest object that waits, or of the arrival of the last.
    fn deadline(&self, timeout: Duration) -> Option<Instant> {
        match (self.came.front(), &self.ahead) {
            (Some(came), _) => came.checked_add(timeout),
            (None, None) => self.last?.checked_add(timeout.max(ARRIVAL)),
            (None, Some(_)) => None,
        }
    }
}
