//! What the sink does about what the network carries, once a second.
//!
//! Runs on the element's control thread.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{
    MoqSinkPad,
    adapt::{Controller, Second},
    encoder::Encoder,
    imp::{CAT, MoqSink},
    pace::PadId,
};
use crate::plugin::control::Control;

/// What was seen a second ago.
#[derive(Default)]
pub(super) struct Feedback {
    /// What the network would carry, in bit/s.
    network: Option<u64>,
    /// Groups that were too late in this run.
    late: u64,
    /// Those that the application was not told of.
    untold: u64,
    warned: Option<Instant>,
    controller: Controller,
    encoders: Vec<Known>,
    /// Bytes that each pad had published, and when.
    bytes: HashMap<PadId, u64>,
    counted: Option<Instant>,
}

/// An encoder that was announced to the application.
struct Known {
    element: glib::WeakRef<gst::Element>,
    /// The application sees to its bit rate.
    handled: bool,
}

impl MoqSink {
    /// A second has passed.
    pub(super) fn second(&self) {
        let Some(sessions) = self.with_control(Control::sessions) else {
            return;
        };
        let (network, total) = (sessions.traffic().send_rate, sessions.late());
        let now = Instant::now();
        if std::mem::replace(&mut self.feedback.lock().network, network) != network {
            self.obj().notify("estimated-send-bitrate");
        }
        if self.posts_stats() {
            self.post_stats();
        }
        let (late, warning) = {
            let mut feedback = self.feedback.lock();
            let late = total.saturating_sub(std::mem::replace(&mut feedback.late, total));
            feedback.untold += late;
            let quiet = feedback.warned.is_none_or(|warned| now - warned >= QUIET);
            let due = feedback.untold > 0 && quiet;
            if due {
                feedback.warned = Some(now);
            }
            (late, due.then(|| std::mem::take(&mut feedback.untold)))
        };
        if let Some(groups) = warning {
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Write,
                ("The network is too slow: {groups} groups came too late for viewers and were dropped; lower the \
                     bit rate, or set bitrate-adaptation")
            );
        }
        if late > 0 {
            self.push_qos();
        }
        if let Some(network) = network {
            self.adapt(network, late > 0, now);
        }
    }

    fn post_stats(&self) {
        let element = self.obj();
        let mut stats: gst::Structure = element.property("stats");
        stats.set_name("moq-stats");
        let message = gst::message::Element::builder(stats).src(&*element).build();
        // Without a bus nobody wants to know.
        let _ = element.post_message(message);
    }

    /// Says upstream that there is more than the network carries.
    fn push_qos(&self) {
        let running = self.obj().current_running_time();
        for pad in self.pads() {
            let qos = gst::event::Qos::new(gst::QOSType::Overflow, CONGESTED, 0, running);
            // Who encodes may heed it; nobody has to.
            let _ = pad.push_event(qos);
        }
    }

    fn adapt(&self, network: u64, late: bool, now: Instant) {
        let Some((min, max)) = self.bitrate_limits() else {
            return;
        };
        let mut encoders: Vec<Encoder> = Vec::new();
        let mut others = 0;
        let pads = self.pads();
        let ids: Vec<_> = pads.iter().map(|pad| pad.imp().id()).collect();
        self.feedback.lock().bytes.retain(|id, _| ids.contains(id));
        for pad in pads {
            let found = Encoder::upstream_of(pad.upcast_ref());
            let found: Vec<_> = found
                .into_iter()
                .filter(|encoder| !self.is_handled(&pad, encoder))
                .collect();
            let published = pad.imp().stream().stats().bytes;
            let rate = self.rate(pad.imp().id(), published, now);
            if found.is_empty() {
                others += rate;
            }
            for encoder in found {
                if !encoders
                    .iter()
                    .any(|known| known.element() == encoder.element())
                {
                    encoders.push(encoder);
                }
            }
        }
        let current: u64 = encoders.iter().map(Encoder::bitrate).sum();
        let second = Second {
            network,
            others,
            current,
            late,
        };
        let count = encoders.len() as u64;
        let next = {
            let mut feedback = self.feedback.lock();
            feedback.counted = Some(now);
            if encoders.is_empty() {
                return;
            }
            feedback.controller.next(second, (min * count, max * count))
        };
        let Some(next) = next else { return };
        gst::debug!(
            CAT,
            imp = self,
            "{second:?}: {next} bit/s for {count} encoders"
        );
        for encoder in encoders {
            // Each keeps its share.
            let share = match current {
                0 => next / count,
                current => {
                    (u128::from(next) * u128::from(encoder.bitrate()) / u128::from(current)) as u64
                }
            };
            encoder.set_bitrate(share.max(min).min(max));
        }
    }

    /// Whether the application sees to the encoder's bit rate. It is asked once.
    fn is_handled(&self, pad: &MoqSinkPad, encoder: &Encoder) -> bool {
        let element = encoder.element();
        {
            let mut feedback = self.feedback.lock();
            feedback
                .encoders
                .retain(|known| known.element.upgrade().is_some());
            let known = |known: &&Known| known.element.upgrade().as_ref() == Some(element);
            if let Some(known) = feedback.encoders.iter().find(known) {
                return known.handled;
            }
        }
        let handled = self
            .obj()
            .emit_by_name::<bool>("encoder-setup", &[&pad.name(), element]);
        self.feedback.lock().encoders.push(Known {
            element: element.downgrade(),
            handled,
        });
        handled
    }

    /// In bit/s, since the last time.
    fn rate(&self, pad: PadId, published: u64, now: Instant) -> u64 {
        let mut feedback = self.feedback.lock();
        let before = feedback.bytes.insert(pad, published);
        let elapsed = feedback.counted.map(|counted| now - counted);
        match (before, elapsed) {
            (Some(before), Some(elapsed)) if !elapsed.is_zero() => {
                let bits = published.saturating_sub(before) * 8;
                (bits as f64 / elapsed.as_secs_f64()) as u64
            }
            _ => 0,
        }
    }
}

/// Between two warnings of the same.
const QUIET: Duration = Duration::from_secs(10);

/// More is produced than is carried: by how much is not known.
const CONGESTED: f64 = 1.5;
