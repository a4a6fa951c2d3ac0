//! What a session has carried, for whoever wants to watch it.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::Error;

/// A session at one moment. What the transport does not measure is `None`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SessionStats {
    /// The version that was agreed on, such as `moq-lite-06`.
    pub version: &'static str,
    /// The smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// How much could be sent now, in bit/s, as congestion control sees it.
    pub send_rate: Option<u64>,
    /// How much the peer could send now, in bit/s, as it reports to those that consume:
    /// moq-lite, from 05 on.
    pub receive_rate: Option<u64>,
    /// How many bytes may be under way. Only where the session was told how to look at
    /// it: [`Session::with_congestion_window`](super::Session::with_congestion_window).
    pub congestion_window: Option<u64>,
    /// Bytes sent, with headers and what was sent twice.
    pub bytes_sent: Option<u64>,
    /// Bytes received, with headers.
    pub bytes_received: Option<u64>,
    /// Bytes sent and lost.
    pub bytes_lost: Option<u64>,
    /// UDP datagrams sent.
    pub packets_sent: Option<u64>,
    /// UDP datagrams received.
    pub packets_received: Option<u64>,
    /// UDP datagrams sent and lost.
    pub packets_lost: Option<u64>,
    /// All tracks that were sent.
    pub sent: Traffic,
    /// All tracks that were received.
    pub received: Traffic,
    /// The subscriptions of now, the oldest first.
    pub tracks: Vec<TrackStats>,
}

/// One subscription to a track.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackStats {
    /// Which side publishes.
    pub direction: Direction,
    /// The path of the broadcast in the session.
    pub broadcast: String,
    /// The name of the track.
    pub track: String,
    /// What was carried so far.
    pub traffic: Traffic,
}

/// Which way a track goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the peer.
    Sent,
    /// From the peer.
    Received,
}

/// Counts of groups and frames. A group that is under way counts nowhere yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Groups carried whole.
    pub groups: u64,
    /// Frames carried, also of groups that were given up later.
    pub frames: u64,
    /// Bytes of those frames.
    pub bytes: u64,
    /// Groups given up because they had become too old.
    pub old: u64,
    /// Groups given up because nobody wanted them any more.
    pub cancelled: u64,
    /// Groups given up because of an error.
    pub failed: u64,
}

/// Counts what one subscription carries.
pub(crate) struct Meter {
    direction: Direction,
    broadcast: String,
    track: String,
    counts: Counts,
    totals: Arc<Totals>,
}

#[derive(Default)]
struct Counts {
    groups: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    old: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
}

/// The meters of a session, and what those that are gone have counted.
#[derive(Default)]
pub(crate) struct Meters {
    live: Mutex<Vec<Weak<Meter>>>,
    totals: Arc<Totals>,
}

#[derive(Default)]
struct Totals {
    sent: Counts,
    received: Counts,
}

impl Meter {
    pub(crate) fn frame(&self, bytes: u64) {
        self.counts.frames.fetch_add(1, Relaxed);
        self.counts.bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts a group by how it ended.
    pub(crate) fn group(&self, result: &Result<(), Error>) {
        let count = match result {
            Ok(()) => &self.counts.groups,
            Err(Error::Old) => &self.counts.old,
            Err(Error::Cancel) => &self.counts.cancelled,
            Err(_) => &self.counts.failed,
        };
        count.fetch_add(1, Relaxed);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let traffic = self.counts.read();
        self.totals.of(self.direction).add(traffic);
    }
}

impl Counts {
    fn read(&self) -> Traffic {
        Traffic {
            groups: self.groups.load(Relaxed),
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            old: self.old.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    fn add(&self, traffic: Traffic) {
        self.groups.fetch_add(traffic.groups, Relaxed);
        self.frames.fetch_add(traffic.frames, Relaxed);
        self.bytes.fetch_add(traffic.bytes, Relaxed);
        self.old.fetch_add(traffic.old, Relaxed);
        self.cancelled.fetch_add(traffic.cancelled, Relaxed);
        self.failed.fetch_add(traffic.failed, Relaxed);
    }
}

impl Totals {
    fn of(&self, direction: Direction) -> &Counts {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }
}

impl Meters {
    /// A meter for a new subscription.
    pub(crate) fn start(&self, direction: Direction, broadcast: &str, track: &str) -> Arc<Meter> {
        let meter = Arc::new(Meter {
            direction,
            broadcast: broadcast.to_owned(),
            track: track.to_owned(),
            counts: Counts::default(),
            totals: self.totals.clone(),
        });
        let mut live = self.live.lock();
        live.retain(|meter| meter.strong_count() > 0);
        live.push(Arc::downgrade(&meter));
        meter
    }

    /// Fills in what was counted.
    pub(crate) fn read(&self, stats: &mut SessionStats) {
        let live: Vec<_> = self.live.lock().iter().filter_map(Weak::upgrade).collect();
        let (sent, received) = (Counts::default(), Counts::default());
        sent.add(self.totals.sent.read());
        received.add(self.totals.received.read());
        for meter in &live {
            let traffic = meter.counts.read();
            match meter.direction {
                Direction::Sent => sent.add(traffic),
                Direction::Received => received.add(traffic),
            }
            stats.tracks.push(TrackStats {
                direction: meter.direction,
                broadcast: meter.broadcast.clone(),
                track: meter.track.clone(),
                traffic,
            });
        }
        stats.sent = sent.read();
        stats.received = received.read();
    }
}
