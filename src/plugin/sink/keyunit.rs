//! When the encoder is asked for a keyframe.

use std::time::{Duration, Instant};

use gst::{prelude::*, subclass::prelude::*};
use gst_video::UpstreamForceKeyUnitEvent;

use super::{
    MoqSinkPad,
    imp::{CAT, MoqSink},
};
use crate::publish::TrackWriter;

/// What is known of one track of pictures.
#[derive(Debug, Default)]
pub(super) struct KeyUnits {
    /// Somebody reads it.
    used: bool,
    asked: Option<Instant>,
    /// When it was first asked for what nothing can be published without.
    missing: Option<Instant>,
    complained: bool,
}

impl KeyUnits {
    /// Whether to ask after a sample of the track.
    pub(super) fn is_wanted(&mut self, track: &TrackWriter, now: Instant) -> bool {
        track.is_video() && self.decide(track.is_used(), track.group_age(now), now)
    }

    /// Before the first sample that can be published.
    pub(super) fn is_wanted_first(&mut self, now: Instant) -> bool {
        self.decide(false, None, now)
    }

    /// Whether to tell the application, once, that no keyframe comes. Asked with each picture that is dropped for it.
    pub(super) fn is_missed(&mut self, now: Instant) -> bool {
        let since = *self.missing.get_or_insert(now);
        let long = now - since >= PATIENCE && !self.complained;
        self.complained |= long;
        long
    }

    /// A keyframe has come.
    pub(super) fn found(&mut self) {
        self.missing = None;
    }

    /// `group` is the age of the newest group, which the next viewer gets first; `None` when nothing can be
    /// published before the next keyframe.
    fn decide(&mut self, used: bool, group: Option<Duration>, now: Instant) -> bool {
        let before = std::mem::replace(&mut self.used, used);
        let first_viewer = used && !before;
        let wanted = match group {
            None => true,
            Some(age) => first_viewer && age > LONG,
        };
        let again = self.asked.is_none_or(|asked| now - asked >= PAUSE);
        if wanted && again {
            self.asked = Some(now);
        }
        wanted && again
    }
}

impl MoqSink {
    /// Says that nothing of the pad can be published.
    pub(super) fn miss_keyframe(&self, pad: &MoqSinkPad) {
        gst::element_imp_warning!(
            self,
            gst::StreamError::Format,
            (
                "No keyframe comes on {}, and viewers can begin with nothing else: let the encoder make one every few \
                 seconds (with intra refresh it makes none)",
                pad.name()
            )
        );
    }

    /// Asks upstream for a keyframe.
    pub(super) fn ask_for_keyframe(&self, pad: &MoqSinkPad) {
        gst::debug!(CAT, obj = pad, "asking for a keyframe");
        let event = UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build();
        // A file has no encoder that could hear it.
        let _ = pad.push_event(event);
    }
}

/// Viewers who join a group that has lasted this long have much to catch up with.
const LONG: Duration = Duration::from_secs(2);

/// Between two requests: encoders take a moment, and keyframes are large.
const PAUSE: Duration = Duration::from_secs(1);

/// Cameras and tuners have one every few seconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_is_asked_for_where_nothing_can_be_sent_without_and_not_again_at_once() {
        let (mut units, begin) = (KeyUnits::default(), Instant::now());
        assert!(units.is_wanted_first(begin));
        assert!(!units.decide(false, None, begin + Duration::from_millis(40)));
        assert!(units.decide(false, None, begin + PAUSE));
    }

    #[test]
    fn that_no_keyframe_comes_is_said_once_after_ten_seconds() {
        let (mut units, begin) = (KeyUnits::default(), Instant::now());
        let mut said = |seconds| units.is_missed(begin + Duration::from_secs(seconds));
        assert_eq!(
            [0, 9, 10, 11, 60].map(&mut said),
            [false, false, true, false, false]
        );
        let mut units = KeyUnits::default();
        assert!(!units.is_missed(begin));
        units.found();
        assert!(!units.is_missed(begin + PATIENCE));
    }

    #[test]
    fn the_first_viewer_of_a_long_group_gets_a_new_one() {
        let (mut units, begin) = (KeyUnits::default(), Instant::now());
        let (old, new) = (Some(Duration::from_secs(3)), Some(Duration::from_secs(1)));
        assert!(!units.decide(false, old, begin));
        assert!(!units.decide(true, new, begin));
        assert!(!units.decide(false, old, begin));
        assert!(units.decide(true, old, begin));
        // The second one does not disturb the first.
        assert!(!units.decide(true, old, begin + PAUSE));
    }
}
