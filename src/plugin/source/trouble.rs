//! A track that breaks off again and again, and when to ask for it anew.

use std::time::Duration;

use tokio::time::Instant;

/// Of one track; over with the first sample.
#[derive(Default)]
pub(super) struct Trouble {
    reason: Option<String>,
    again: Option<Instant>,
    times: u32,
}

impl Trouble {
    /// It broke off. The pauses grow.
    pub(super) fn begin(&mut self, reason: &str) {
        self.reason = Some(reason.to_owned());
        self.again = Some(Instant::now() + PAUSE * 2_u32.pow(self.times.min(3)));
        self.times += 1;
    }

    /// When to ask for it anew.
    pub(super) fn again(&self) -> Option<Instant> {
        self.again
    }

    /// It is asked for anew. The first time, that is worth saying why.
    pub(super) fn retry(&mut self) -> Option<String> {
        self.again = None;
        self.reason.take().filter(|_| self.times == 1)
    }
}

/// The first time; then twice as long, up to eight times.
const PAUSE: Duration = Duration::from_millis(500);
