//! The time of a frame, in eight bytes.

use std::{sync::LazyLock, time::Instant};

use super::Timestamp;

/// When a frame is to be presented, or else when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// Set when the frame has no time of its own. Times are below it.
const WRITTEN: u64 = 1 << 63;

/// What the times of writing count from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Stamp {
    pub(super) fn at(time: Timestamp) -> Self {
        // Below 2^62, as every time.
        Self(time.as_micros() as u64)
    }

    /// A frame without a time, written now.
    pub(crate) fn now() -> Self {
        let micros = START.elapsed().as_micros();
        Self(WRITTEN | u64::try_from(micros).unwrap_or(0))
    }

    pub(super) fn timestamp(self) -> Option<Timestamp> {
        if self.0 & WRITTEN == 0 {
            Timestamp::from_micros(self.0).ok()
        } else {
            None
        }
    }

    /// The frame's own time, else the time from `began` until it was written.
    pub(crate) fn since(self, began: Self) -> Timestamp {
        self.timestamp().unwrap_or_else(|| {
            let micros = (self.0 & !WRITTEN).saturating_sub(began.0 & !WRITTEN);
            Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_its_own_time_or_that_since_the_beginning() {
        let began = Stamp(WRITTEN | 1_000);
        let time = Timestamp::new(7);
        assert_eq!(Stamp::at(time).timestamp(), Some(time));
        assert_eq!(Stamp::at(time).since(began), time);
        let written = Stamp(WRITTEN | 1_250);
        assert_eq!(written.timestamp(), None);
        assert_eq!(written.since(began), Timestamp::new(250));
        assert_eq!(Stamp(WRITTEN).since(began), Timestamp::ZERO);
        assert_eq!(Stamp::at(Timestamp::MAX).timestamp(), Some(Timestamp::MAX));
    }
}
