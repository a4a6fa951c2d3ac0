//! What is measured and told every second.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gst::{prelude::*, subclass::prelude::*};
use tokio::time::Instant;

use super::{run::Run, stats::Throughput};

/// Used by the thread that follows the broadcast alone.
pub(super) struct Reporter {
    run: Arc<Run>,
    throughput: Throughput,
    next: Instant,
}

impl Reporter {
    pub(super) fn new(run: &Arc<Run>) -> Self {
        Self {
            run: run.clone(),
            throughput: Throughput::default(),
            next: Instant::now() + SECOND,
        }
    }

    /// When [`Self::report`] is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn report(&mut self) {
        let now = Instant::now();
        self.next = now + SECOND;
        self.throughput.mark(now.into_std(), self.run.arrived());
        let arriving = self.throughput.bitrate().unwrap_or(0);
        self.run.arriving.store(arriving, Ordering::Relaxed);
        let Some(element) = self.run.element.upgrade() else {
            return;
        };
        if element.imp().settings().shared.posts_stats() {
            let mut stats = element.imp().stats();
            stats.set_name("moq-stats");
            let message = gst::message::Element::builder(stats).src(&element).build();
            // Without a bus nobody wants to know.
            let _ = element.post_message(message);
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
