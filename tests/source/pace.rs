//! The time that tests keep where it is time that matters: GStreamer's clock.

use std::time::Duration;

use gst::prelude::*;

/// Runs from its making on.
pub(crate) struct Pace {
    clock: gst::Clock,
    begin: gst::ClockTime,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let clock = gst::SystemClock::obtain();
        let begin = clock.time();
        Self { clock, begin }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        (self.clock.time() - self.begin).into()
    }

    /// Returns at once where that is over.
    pub(crate) fn wait_until(&self, elapsed: Duration) {
        let elapsed = gst::ClockTime::try_from(elapsed).expect("tests are short");
        let _ = self.clock.new_single_shot_id(self.begin + elapsed).wait();
    }
}
