//! What media time is on the wall clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::media::Micros;

/// What wall times in the catalog count from, 2020-01-01, as a time since the Unix epoch.
pub const EPOCH: Duration = Duration::from_secs(1_577_836_800);

/// The wall-clock time at which media time was zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// Since [`EPOCH`], in units of `timescale`.
    #[serde(deserialize_with = "lenient::safe")]
    wall: u64,
    /// Units in a second, not 0.
    #[serde(default = "micros", deserialize_with = "lenient::timescale")]
    timescale: u32,
}

impl Clock {
    /// A clock on which media time zero is `zero` after the Unix epoch, to the microsecond; `None`
    /// before 2020, and where the catalog has no number for it.
    pub fn new(zero: Duration) -> Option<Self> {
        let wall = u64::try_from(zero.checked_sub(EPOCH)?.as_micros()).ok()?;
        (wall <= lenient::MAX_SAFE).then_some(Self {
            wall,
            timescale: micros(),
        })
    }

    /// The time of media time zero since the Unix epoch.
    pub fn zero(&self) -> Duration {
        let nanos = u128::from(self.wall) * 1_000_000_000 / u128::from(self.timescale);
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        EPOCH.saturating_add(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
    }

    /// When a sample of this time was taken, since the Unix epoch.
    pub fn wall_time(&self, pts: Micros) -> Duration {
        self.zero().saturating_add(pts.into())
    }
}

fn micros() -> u32 {
    1_000_000
}
