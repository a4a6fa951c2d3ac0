//! How long a group is worth carrying.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What the groups of a subscription have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) priority: u8,
    /// For how long a group is carried once there is a newer one.
    pub(crate) max_age: Duration,
    /// The newest sequence number.
    pub(crate) newest: u64,
}

/// The life of one group.
pub(crate) struct Life {
    sequence: u64,
    pace: watch::Receiver<Pace>,
    priority: u8,
    /// When a newer group was first seen.
    followed: Option<Instant>,
    /// The age that it may have in any case.
    least: Duration,
}

/// What is written whole is mostly there, and resetting it would only take that back: packets of sound, each a
/// group of its own, would hardly ever arrive where no age is allowed.
const DELIVERY: Duration = Duration::from_secs(1);

/// What happens to a group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has another priority now.
    Priority(u8),
    /// It is too old.
    Expired,
}

impl Life {
    pub(crate) fn new(sequence: u64, pace: watch::Receiver<Pace>) -> Self {
        let priority = pace.borrow().priority;
        Self {
            sequence,
            pace,
            priority,
            followed: None,
            least: Duration::ZERO,
        }
    }

    /// All of the group is written and only has to arrive.
    pub(crate) fn written(&mut self) {
        self.least = DELIVERY;
    }

    /// The priority that was last told.
    pub(crate) fn priority(&self) -> u8 {
        self.priority
    }

    /// Waits for the next event. Cancel safe.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            if let Some(priority) = self.new_priority() {
                return Event::Priority(priority);
            }
            let pace = self.look();
            if pace.priority == self.priority && self.expires(pace).await {
                return Event::Expired;
            }
        }
    }

    /// The priority, when it is not the one that was last told.
    pub(crate) fn new_priority(&mut self) -> Option<u8> {
        let Pace { priority, .. } = self.look();
        let changed = std::mem::replace(&mut self.priority, priority) != priority;
        changed.then_some(priority)
    }

    /// Waits until the group is too old; its priority stays to be told. Cancel safe.
    pub(crate) async fn expired(&mut self) {
        loop {
            let pace = self.look();
            if self.expires(pace).await {
                return;
            }
        }
    }

    fn look(&mut self) -> Pace {
        let pace = *self.pace.borrow_and_update();
        if pace.newest > self.sequence {
            self.followed.get_or_insert_with(Instant::now);
        }
        pace
    }

    /// `true` once the group is too old, `false` when the pace changed before.
    async fn expires(&mut self, pace: Pace) -> bool {
        let age = pace.max_age.max(self.least);
        let deadline = self.followed.and_then(|at| at.checked_add(age));
        let expiry = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        let changed = async {
            // Without a sender nothing changes any more.
            if self.pace.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = changed => false,
            () = expiry => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_group_expires_some_time_after_a_newer_one_began() {
        let pace = Pace {
            priority: 1,
            max_age: Duration::from_secs(2),
            newest: 5,
        };
        let sender = watch::Sender::new(pace);
        let mut life = Life::new(5, sender.subscribe());
        sender.send_replace(Pace {
            priority: 9,
            ..pace
        });
        assert_eq!(life.event().await, Event::Priority(9));
        let newest = Pace {
            priority: 9,
            newest: 6,
            ..pace
        };
        sender.send_replace(newest);
        let start = Instant::now();
        assert_eq!(life.event().await, Event::Expired);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        // The age counts from then on, also when it changes.
        sender.send_replace(Pace {
            max_age: Duration::from_secs(3),
            ..newest
        });
        life.expired().await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_age_a_group_ends_with_the_next() {
        let pace = Pace {
            priority: 1,
            max_age: Duration::ZERO,
            newest: 5,
        };
        let sender = watch::Sender::new(pace);
        let mut life = Life::new(5, sender.subscribe());
        let waits = tokio::time::timeout(Duration::from_secs(60), life.event());
        assert!(waits.await.is_err());
        let mut written = Life::new(5, sender.subscribe());
        written.written();
        sender.send_replace(Pace { newest: 6, ..pace });
        let start = Instant::now();
        assert_eq!(life.event().await, Event::Expired);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(written.event().await, Event::Expired);
        assert_eq!(start.elapsed(), DELIVERY);
    }
}
