//! What the threads of one run of the element share.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use gst::{ClockTime, glib, prelude::*};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

use super::{
    latency::{Bounds, Latency},
    select::Wish,
    stream::Stream,
};
use crate::{
    media::{
        Keep, Micros, Timeline,
        catalog::Clock,
        timeline::{Arrival, TrackId},
    },
    plugin::link::Policy,
};

/// From READY to PAUSED until back in READY.
///
/// No lock of these is held over a call out. Where two are held, the timeline is locked before the
/// gate.
pub(super) struct Run {
    pub(super) element: glib::WeakRef<super::MoqSrc>,
    /// All pads belong to this group.
    pub(super) group: gst::GroupId,
    pub(super) policy: watch::Sender<Policy>,
    /// What the property `rendition` asks for.
    pub(super) wish: watch::Sender<Wish>,
    /// What the application selected last.
    pub(super) selection: watch::Sender<Option<Selection>>,
    /// Every rendition that can be played.
    pub(super) collection: watch::Sender<Option<gst::StreamCollection>>,
    /// Something for the thread that follows the broadcast: a stream has ended, or carries another
    /// rendition.
    pub(super) changed: Notify,
    pub(super) counters: Counters,
    /// What arrives, in bit/s.
    pub(super) arriving: AtomicU64,
    stop: watch::Sender<bool>,
    gate: watch::Sender<Gate>,
    timeline: Mutex<Timeline>,
    latency: Mutex<Latency>,
    keep: Keep,
    /// What the newest catalog says of the time of day.
    clock: Mutex<Option<Clock>>,
    /// `None` once the run is over.
    streams: Mutex<Option<Vec<Stream>>>,
}

/// A `select-streams` event.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) stream_ids: Vec<String>,
    pub(super) seqnum: gst::Seqnum,
}

/// What the pads' tasks may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gate {
    /// The clock runs.
    pub(super) playing: bool,
    /// The application wants the end.
    pub(super) finish: bool,
    /// Counts joins that were begun. What was read for an earlier one is void.
    pub(super) begun: u64,
    /// Counts joins that led to a mapping of time.
    pub(super) joined: u64,
}

/// From media time to running time, for a track around one media time and until the mapping next moves. In microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapped {
    /// Which join it belongs to.
    pub(super) joined: u64,
    /// Where what is shown begins.
    pub(super) start: i64,
    /// The same, since the mapping last jumped.
    pub(super) not_before: i64,
    offset: i64,
}

impl Mapped {
    /// The running time of a media time.
    pub(super) fn time(self, media: i64) -> i64 {
        media.saturating_add(self.offset)
    }
}

/// Of all pads together.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) buffers: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) skipped_groups: AtomicU64,
    /// Samples that were left out because they came too late.
    pub(super) late: AtomicU64,
}

impl Run {
    pub(super) fn new(
        element: &super::MoqSrc,
        policy: Policy,
        bounds: Bounds,
        keep: Keep,
        wish: Wish,
    ) -> Self {
        Self {
            element: element.downgrade(),
            group: gst::GroupId::next(),
            policy: watch::Sender::new(policy),
            wish: watch::Sender::new(wish),
            selection: watch::Sender::new(None),
            collection: watch::Sender::new(None),
            changed: Notify::new(),
            counters: Counters::default(),
            arriving: AtomicU64::new(0),
            stop: watch::Sender::new(false),
            gate: watch::Sender::new(Gate::default()),
            timeline: Mutex::new(Timeline::new(bounds.least, keep)),
            latency: Mutex::new(Latency::new(bounds)),
            keep,
            clock: Mutex::new(None),
            streams: Mutex::new(Some(Vec::new())),
        }
    }

    /// Wakes every thread of the run for the last time.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
        self.streams().iter().for_each(Stream::close);
    }

    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// The clock runs, for the first time or again.
    pub(super) fn play(&self) {
        self.rejoin();
        self.gate.send_modify(|gate| gate.playing = true);
    }

    pub(super) fn pause(&self) {
        self.gate.send_modify(|gate| gate.playing = false);
    }

    /// Every pad is to end now.
    pub(super) fn finish(&self) {
        self.gate.send_modify(|gate| gate.finish = true);
    }

    pub(super) fn gate(&self) -> watch::Receiver<Gate> {
        self.gate.subscribe()
    }

    /// Time is mapped anew, from what is read from now on.
    pub(super) fn rejoin(&self) {
        let mut timeline = self.timeline.lock();
        timeline.rejoin();
        self.gate.send_modify(|gate| gate.begun += 1);
    }

    /// The mapping of time, if the join `begun` is still the one that counts.
    pub(super) fn timeline(&self, begun: u64) -> Option<MutexGuard<'_, Timeline>> {
        let timeline = self.timeline.lock();
        (self.gate.borrow().begun == begun).then_some(timeline)
    }

    /// The mapping of time, whichever it is.
    pub(super) fn any_timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock()
    }

    /// The mapping of what a track decodes at `media`; `None` while the join is under way, and when it is no longer
    /// `begun`.
    pub(super) fn mapped(&self, begun: u64, track: TrackId, media: i64) -> Option<Mapped> {
        let timeline = self.timeline(begun)?;
        Some(Mapped {
            joined: begun,
            start: timeline.start()?,
            not_before: timeline.not_before(track, media)?,
            offset: timeline.running_time(track, media)?.saturating_sub(media),
        })
    }

    /// Learns that a sample of media time `dts` is there. Every pad is told if that ends the join, and sinks if they
    /// are to wait longer now. `None` when it is of another join.
    pub(super) fn observe(&self, begun: u64, track: TrackId, dts: i64) -> Option<Arrival> {
        let now = self.running_time();
        let mut timeline = self.timeline(begun)?;
        let before = timeline.start().is_some();
        let arrival = timeline.observe(track, dts, now);
        let joined = timeline.start().is_some();
        let needed = timeline.wanted_tolerance();
        drop(timeline);
        if joined && !before {
            self.joined();
        }
        if self.latency.lock().adapt(needed, now) {
            self.latency_changed();
        }
        Some(arrival)
    }

    /// Ends the join `begun` if it is due, or in any case. True when it has ended.
    pub(super) fn end_join(&self, begun: u64, in_any_case: bool) -> bool {
        let now = self.running_time();
        let Some(mut timeline) = self.timeline(begun) else {
            return false;
        };
        let before = timeline.start().is_some();
        if in_any_case && !before {
            timeline.settle(now);
        }
        let joined = timeline.poll(now);
        drop(timeline);
        if joined && !before {
            self.joined();
        }
        joined
    }

    /// Tells every pad that the mapping is there.
    fn joined(&self) {
        self.gate.send_modify(|gate| gate.joined = gate.begun);
    }

    pub(super) fn set_bounds(&self, bounds: Bounds) {
        let changed = self.latency.lock().set_bounds(bounds);
        if changed {
            self.latency_changed();
        }
    }

    /// Sinks wait so long in all.
    pub(super) fn set_pipeline_latency(&self, latency: Duration) {
        self.latency.lock().set_pipeline(latency);
    }

    /// The latency in effect.
    pub(super) fn latency(&self) -> Duration {
        self.latency.lock().effective()
    }

    /// How late a sample may be and still be shown. `None`: however late it is, it is wanted.
    pub(super) fn patience(&self) -> Option<Duration> {
        (self.keep == Keep::Live).then(|| self.latency.lock().patience())
    }

    fn latency_changed(&self) {
        let latency = self.latency();
        self.any_timeline().set_tolerance(latency);
        if let Some(element) = self.element.upgrade() {
            let message = gst::message::Latency::builder().src(&element).build();
            // Without a bus nobody waits for anything.
            let _ = element.post_message(message);
        }
    }

    /// What the time of day is at which media time.
    pub(super) fn set_clock(&self, clock: Option<Clock>) {
        *self.clock.lock() = clock;
    }

    /// When a sample was taken, since 1970.
    pub(super) fn wall_time(&self, pts: Micros) -> Option<ClockTime> {
        let clock = (*self.clock.lock())?;
        clock.wall_time(pts).try_into().ok()
    }

    /// How long the pipeline has been playing; zero before.
    pub(super) fn running_time(&self) -> Duration {
        let element = self.element.upgrade();
        let now = element.and_then(|element| element.current_running_time());
        now.unwrap_or(ClockTime::ZERO).into()
    }

    /// Remembers a stream until the end of the run; false if that was already.
    pub(super) fn insert(&self, stream: Stream) -> bool {
        let mut streams = self.streams.lock();
        // Whoever stops looks at the streams after it has said so.
        match streams.as_mut().filter(|_| !self.is_stopped()) {
            Some(streams) => streams.push(stream),
            None => return false,
        }
        true
    }

    /// The streams that there are.
    pub(super) fn streams(&self) -> Vec<Stream> {
        self.streams.lock().clone().unwrap_or_default()
    }

    /// How many bytes of samples have arrived.
    pub(super) fn arrived(&self) -> u64 {
        let streams = self.streams();
        streams
            .iter()
            .map(|stream| stream.meter().report().bytes)
            .sum()
    }

    /// Takes one out; `None` if it was not there.
    pub(super) fn remove(&self, stream: &Stream) -> Option<Stream> {
        let mut streams = self.streams.lock();
        let streams = streams.as_mut()?;
        let index = streams
            .iter()
            .position(|other| other.pad() == stream.pad())?;
        Some(streams.remove(index))
    }

    /// Takes all out and lets no more in.
    pub(super) fn close(&self) -> Vec<Stream> {
        self.streams.lock().take().unwrap_or_default()
    }
}

impl Counters {
    pub(super) fn add_buffer(&self, bytes: usize) {
        self.buffers.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn add_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_skipped_groups(&self, groups: u64) {
        self.skipped_groups.fetch_add(groups, Ordering::Relaxed);
    }
}
