//! For how long what arrives at once is held: what the user set, and within bounds what is needed.

use std::time::Duration;

/// What the user set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: Duration,
    /// The same as `least`, or less, where it is fixed.
    pub(super) most: Duration,
}

/// The latency of the element, and that of the whole pipeline.
#[derive(Debug)]
pub(super) struct Latency {
    bounds: Bounds,
    effective: Duration,
    /// What sinks wait for in all.
    pipeline: Duration,
    /// Since when less would do.
    generous: Option<Duration>,
}

impl Latency {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            effective: bounds.least,
            pipeline: Duration::ZERO,
            generous: None,
        }
    }

    /// True when that changes the latency.
    pub(super) fn set_bounds(&mut self, bounds: Bounds) -> bool {
        let before = self.effective;
        self.bounds = bounds;
        self.effective = if bounds.most > bounds.least {
            before.clamp(bounds.least, bounds.most)
        } else {
            bounds.least
        };
        self.effective != before
    }

    pub(super) fn set_pipeline(&mut self, latency: Duration) {
        self.pipeline = latency;
    }

    /// Comes nearer to what is needed: up at once, down when that has lasted. True when that changes the latency.
    pub(super) fn adapt(&mut self, needed: Duration, now: Duration) -> bool {
        let Bounds { least, most } = self.bounds;
        if most <= least {
            return false;
        }
        let steps = needed.as_micros().div_ceil(STEP.as_micros());
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let needed = STEP.saturating_mul(steps).clamp(least, most);
        if needed + WORTH > self.effective {
            self.generous = None;
            if needed <= self.effective {
                return false;
            }
        } else {
            let since = *self.generous.get_or_insert(now);
            if now.saturating_sub(since) < LASTING {
                return false;
            }
            self.generous = None;
        }
        self.effective = needed;
        true
    }

    /// What the element tells sinks to wait for.
    pub(super) fn effective(&self) -> Duration {
        self.effective
    }

    /// How late a sample may be and still be shown.
    pub(super) fn patience(&self) -> Duration {
        self.effective.max(self.pipeline)
    }
}

/// The latency is a multiple of this, so that it does not change for nothing.
const STEP: Duration = Duration::from_millis(10);
/// A change makes sinks skip; less than this is not worth it.
const WORTH: Duration = Duration::from_millis(40);
/// For how long less has to do.
const LASTING: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn latency(least: u64, most: u64) -> Latency {
        Latency::new(Bounds {
            least: millis(least),
            most: millis(most),
        })
    }

    #[test]
    fn a_fixed_latency_stays_as_it_is() {
        for most in [0, 50, 100] {
            let mut latency = latency(100, most);
            assert!(!latency.adapt(millis(900), millis(0)));
            assert_eq!(latency.effective(), millis(100));
        }
    }

    #[test]
    fn what_is_needed_is_taken_at_once_within_the_bounds() {
        let mut latency = latency(50, 300);
        assert!(latency.adapt(millis(121), millis(0)));
        assert_eq!(latency.effective(), millis(130));
        assert!(!latency.adapt(millis(125), millis(1)));
        assert!(latency.adapt(millis(5_000), millis(2)));
        assert_eq!(latency.effective(), millis(300));
        assert!(!latency.adapt(millis(6_000), millis(3)));
    }

    #[test]
    fn it_comes_down_when_less_has_done_for_long() {
        let mut latency = latency(50, 300);
        assert!(latency.adapt(millis(300), millis(0)));
        assert!(!latency.adapt(millis(60), millis(1_000)));
        assert!(!latency.adapt(millis(290), millis(9_000)));
        assert!(!latency.adapt(millis(60), millis(12_000)));
        assert!(!latency.adapt(millis(60), millis(21_999)));
        assert!(latency.adapt(millis(60), millis(22_000)));
        assert_eq!(latency.effective(), millis(60));
    }

    #[test]
    fn what_the_pipeline_waits_for_counts_too() {
        let mut latency = latency(100, 0);
        latency.set_pipeline(millis(400));
        assert_eq!(
            (latency.effective(), latency.patience()),
            (millis(100), millis(400))
        );
        let bounds = Bounds {
            least: millis(500),
            most: millis(0),
        };
        assert!(latency.set_bounds(bounds));
        assert_eq!(latency.patience(), millis(500));
    }
}
