//! What the wall clock said when the timeline of a broadcast was at zero.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gst::{glib, prelude::*, subclass::prelude::*};

use super::{imp::MoqSink, stream::Timing};
use crate::media::catalog;

/// Where the wall clock of the catalog comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqWallClock")]
pub(in crate::plugin) enum WallClock {
    #[default]
    #[enum_value(name = "The catalog does not say", nick = "none")]
    None,
    #[enum_value(
        name = "The clock of the system, or the pipeline's where that is an NTP clock",
        nick = "system"
    )]
    System,
    #[enum_value(
        name = "Reference timestamps of the buffers (Unix or NTP), as cameras give them; else as system",
        nick = "reference"
    )]
    Reference,
}

/// The wall time that the buffer carries, since the Unix epoch.
pub(super) fn reference(buffer: &gst::BufferRef) -> Option<Duration> {
    buffer
        .iter_meta::<gst::ReferenceTimestampMeta>()
        .find_map(|meta| {
            let name = meta.reference().structure(0)?.name();
            let time = Duration::from_nanos(meta.timestamp().nseconds());
            match name.as_str() {
                "timestamp/x-unix" => Some(time),
                "timestamp/x-ntp" => time.checked_sub(NTP_TO_UNIX),
                _ => None,
            }
        })
}

impl MoqSink {
    /// Keeps the clock of the catalog right, by a sample. `reference` is the wall time at which it is shown.
    pub(super) fn note_wall_time(&self, timing: Timing, reference: Option<Duration>) {
        let reference = match self.wall_clock() {
            WallClock::None => return,
            WallClock::System => None,
            WallClock::Reference => reference,
        };
        let zero = match reference {
            Some(shown) => shown.checked_sub(timing.timestamp.into()),
            None => self
                .wall_time(timing.due)
                .and_then(|sent| sent.checked_sub(timing.dts.into())),
        };
        let Some(zero) = zero else { return };
        {
            let mut anchor = self.anchor.lock();
            if anchor.is_some_and(|known| known.abs_diff(zero) < NOTHING) {
                return;
            }
            *anchor = Some(zero);
        }
        self.describe(|about| about.clock = catalog::Clock::new(zero));
    }

    /// The wall time of a running time, since the Unix epoch.
    fn wall_time(&self, running: gst::ClockTime) -> Option<Duration> {
        let element = self.obj();
        let (clock, base) = (element.clock()?, element.base_time()?);
        let due = base.saturating_add(running);
        if clock.type_().name() == "GstNtpClock" {
            return Duration::from_nanos(due.nseconds()).checked_sub(NTP_TO_UNIX);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let ahead = i128::from(due.nseconds()) - i128::from(clock.time().nseconds());
        let wall = i128::try_from(now.as_nanos()).ok()? + ahead;
        Some(Duration::from_nanos(u64::try_from(wall).ok()?))
    }
}

/// From 1900 to 1970.
const NTP_TO_UNIX: Duration = Duration::from_secs(2_208_988_800);

/// Clocks drift and schedulers dawdle; after a pause it is more.
const NOTHING: Duration = Duration::from_millis(100);
