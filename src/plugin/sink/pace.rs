//! When the streaming threads of an element may go on.
//!
//! A pad waits until the element plays and then until the clock says that a sample is due. Each wait
//! ends at once when the pad is flushed or the element stops, and is taken up again with new values
//! when the element is paused or the latency changes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use gst::prelude::*;
use parking_lot::{Condvar, Mutex};

/// Names a pad of the element.
pub(super) type PadId = u32;

/// Whether a sample is sent in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Punctual {
    Yes,
    /// It is later than the user allows.
    No,
}

/// The waits of one element.
#[derive(Default)]
pub(super) struct Pace {
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    /// Nothing may wait otherwise.
    running: bool,
    playing: bool,
    latency: gst::ClockTime,
    /// Added to when a sample is due, in nanoseconds.
    offset: i64,
    /// Pads that must not wait.
    flushing: HashSet<PadId>,
    /// Waits for the clock.
    waits: HashMap<PadId, gst::SingleShotClockId>,
}

impl Gate {
    fn check(&self, pad: PadId) -> Result<(), gst::FlowError> {
        if !self.running || self.flushing.contains(&pad) {
            return Err(gst::FlowError::Flushing);
        }
        Ok(())
    }

    /// When something is sent whose running time, or clock time, this is.
    fn due(&self, time: gst::ClockTime) -> gst::ClockTime {
        let due = time.saturating_add(self.latency).nseconds();
        gst::ClockTime::from_nseconds(due.saturating_add_signed(self.offset))
    }

    fn unschedule(&self) {
        self.waits.values().for_each(|wait| wait.unschedule());
    }
}

impl Pace {
    /// Allows waits, or ends them all.
    pub(super) fn set_running(&self, running: bool) {
        self.change(|gate| {
            gate.running = running;
            gate.flushing.clear();
        });
    }

    /// Lets data through, or holds it from now on.
    pub(super) fn set_playing(&self, playing: bool) {
        self.change(|gate| gate.playing = playing);
    }

    /// The latency of the pipeline.
    pub(super) fn set_latency(&self, latency: gst::ClockTime) {
        self.change(|gate| gate.latency = latency);
    }

    /// Makes samples due later, or earlier when negative; in nanoseconds.
    pub(super) fn set_offset(&self, offset: i64) {
        self.change(|gate| gate.offset = offset);
    }

    /// While a pad is flushing every wait of it fails.
    pub(super) fn set_flushing(&self, pad: PadId, flushing: bool) {
        self.change(|gate| {
            if flushing {
                gate.flushing.insert(pad);
            } else {
                gate.flushing.remove(&pad);
            }
        });
    }

    /// Waits until the element plays.
    pub(super) fn wait_playing(&self, pad: PadId) -> Result<(), gst::FlowError> {
        let mut gate = self.gate.lock();
        loop {
            gate.check(pad)?;
            if gate.playing {
                return Ok(());
            }
            self.changed.wait(&mut gate);
        }
    }

    /// Waits until the element plays and what has this running time is due. Gives by how many nanoseconds it is
    /// late.
    pub(super) fn wait_until(
        &self,
        element: &gst::Element,
        pad: PadId,
        running_time: gst::ClockTime,
    ) -> Result<gst::ClockTimeDiff, gst::FlowError> {
        self.wait_playing(pad)?;
        let began = element.current_running_time();
        loop {
            self.wait_playing(pad)?;
            let (Some(clock), Some(base)) = (element.clock(), element.base_time()) else {
                return Ok(0);
            };
            let now = element.current_running_time();
            if now
                .zip(began)
                .is_some_and(|(now, began)| now + SLACK < began)
            {
                // Running time was set back after a flush: what was due soon is due now.
                return Ok(0);
            }
            let wait = {
                let mut gate = self.gate.lock();
                if !gate.playing || gate.check(pad).is_err() {
                    continue;
                }
                let due = gate.due(base.saturating_add(running_time));
                let wait = clock.new_single_shot_id(due);
                gate.waits.insert(pad, wait.clone());
                wait
            };
            let (result, jitter) = wait.wait();
            self.gate.lock().waits.remove(&pad);
            if result != Err(gst::ClockError::Unscheduled) {
                return Ok(jitter);
            }
        }
    }

    /// Whether what has this running time is due by now.
    pub(super) fn is_due(&self, element: &gst::Element, running_time: gst::ClockTime) -> bool {
        let due = self.gate.lock().due(running_time);
        element.current_running_time().unwrap_or_default() >= due
    }

    /// The clock or the running time may have changed: waits look at them anew.
    pub(super) fn review(&self) {
        self.change(|_| ());
    }

    /// Waits until `done` is set by [`Done::set`]; fails when the pad is flushed. Pausing does not
    /// end it.
    pub(super) fn wait_done(&self, pad: PadId, done: &Done) -> Result<(), gst::FlowError> {
        let mut gate = self.gate.lock();
        loop {
            gate.check(pad)?;
            if *done.0.lock() {
                return Ok(());
            }
            self.changed.wait(&mut gate);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Gate)) {
        let mut gate = self.gate.lock();
        change(&mut gate);
        gate.unschedule();
        self.changed.notify_all();
    }
}

/// Something that a task finishes while a streaming thread waits for it. Locked after the gate.
#[derive(Clone, Default)]
pub(super) struct Done(Arc<Mutex<bool>>);

impl Done {
    /// Wakes who waits.
    pub(super) fn set(&self, pace: &Pace) {
        let _gate = pace.gate.lock();
        *self.0.lock() = true;
        pace.changed.notify_all();
    }
}

/// Running time that goes back by more was set back.
const SLACK: gst::ClockTime = gst::ClockTime::from_mseconds(500);
