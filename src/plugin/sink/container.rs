//! The property `container` of the element and of its pads.

use gst::glib;

use crate::media::container::Kind;

/// How the frames of tracks are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSinkContainer")]
pub(in crate::plugin) enum Container {
    /// What every reader knows.
    #[default]
    #[enum_value(name = "Timestamp and payload", nick = "legacy")]
    Legacy,
    /// One `moof` and `mdat` per frame.
    #[enum_value(
        name = "Movie fragments, those of the input where it is fragmented MP4",
        nick = "cmaf"
    )]
    Cmaf,
    /// As the IETF draft of this name.
    #[enum_value(name = "Low Overhead Container", nick = "loc")]
    Loc,
}

/// The same for one pad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSinkPadContainer")]
pub(in crate::plugin) enum PadContainer {
    /// As the element says.
    #[default]
    #[enum_value(name = "The element's", nick = "inherit")]
    Inherit,
    /// What every reader knows.
    #[enum_value(name = "Timestamp and payload", nick = "legacy")]
    Legacy,
    /// One `moof` and `mdat` per frame.
    #[enum_value(
        name = "Movie fragments, those of the input where it is fragmented MP4",
        nick = "cmaf"
    )]
    Cmaf,
    /// As the IETF draft of this name.
    #[enum_value(name = "Low Overhead Container", nick = "loc")]
    Loc,
}

impl PadContainer {
    /// What is written, where the element says `inherited`.
    pub(super) fn resolve(self, inherited: Container) -> Kind {
        match (self, inherited) {
            (Self::Legacy, _) | (Self::Inherit, Container::Legacy) => Kind::Legacy,
            (Self::Cmaf, _) | (Self::Inherit, Container::Cmaf) => Kind::Cmaf,
            (Self::Loc, _) | (Self::Inherit, Container::Loc) => Kind::Loc,
        }
    }
}
