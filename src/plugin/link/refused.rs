//! What a listening element turns away or cuts short: counted each time, told of now and then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// What was turned away, and so which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum Refused {
    /// A session that nobody may have, by its token, its path or the application's answer.
    Unauthorized,
    /// A session beyond those that all may have, or those that one address may have.
    Session,
    /// A handshake beyond those that one address may begin.
    Handshake,
    /// A connection for HTTP beyond those that one address may have.
    Request,
    /// A subscription or another request beyond those that a session may have.
    Subscription,
    /// A broadcast beyond those that a session may announce.
    Announcement,
    /// A session in which nothing happened.
    Idle,
    /// A share of what may be under way that is too small for pictures.
    Bytes,
}

impl Refused {
    const ALL: [Self; 8] = [
        Self::Unauthorized,
        Self::Session,
        Self::Handshake,
        Self::Request,
        Self::Subscription,
        Self::Announcement,
        Self::Idle,
        Self::Bytes,
    ];

    /// The name of its count.
    fn field(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Session => "sessions",
            Self::Handshake => "handshakes",
            Self::Request => "requests",
            Self::Subscription => "subscriptions",
            Self::Announcement => "announcements",
            Self::Idle => "idle",
            Self::Bytes => "bytes-in-flight",
        }
    }
}

/// Counts of one run.
#[derive(Clone, Default)]
pub(in crate::plugin) struct Counts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counts: [AtomicU64; Refused::ALL.len()],
    /// When each was last told of.
    told: Mutex<[Option<Instant>; Refused::ALL.len()]>,
}

impl Counts {
    /// Counts some. `true` when it is time to tell of it.
    pub(super) fn add(&self, refused: Refused, count: u64) -> bool {
        self.0.counts[refused as usize].fetch_add(count, Ordering::Relaxed);
        let now = Instant::now();
        let last = &mut self.0.told.lock()[refused as usize];
        let due = last.is_none_or(|last| now.duration_since(last) >= SILENCE);
        if due {
            *last = Some(now);
        }
        due
    }

    /// The counts, for `stats`.
    pub(in crate::plugin) fn structure(&self) -> gst::Structure {
        let mut structure = gst::Structure::builder("refused");
        for refused in Refused::ALL {
            let count = self.0.counts[refused as usize].load(Ordering::Relaxed);
            structure = structure.field(refused.field(), count);
        }
        structure.build()
    }
}

/// Between two messages about the same.
const SILENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_always_and_told_of_once_in_a_while() {
        gst::init().expect("GStreamer can be started");
        let counts = Counts::default();
        assert!(counts.add(Refused::Idle, 1));
        assert!(!counts.add(Refused::Idle, 1));
        assert!(counts.add(Refused::Session, 1));
        let structure = counts.structure();
        assert_eq!(structure.get::<u64>("idle"), Ok(2));
        assert_eq!(structure.get::<u64>("sessions"), Ok(1));
        assert_eq!(structure.get::<u64>("unauthorized"), Ok(0));
    }
}
