//! The property `container` of the element and of its pads.

use gst::glib;

use crate::media::container::Kind;

/// How the frames of tracks are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSinkContainer")]
pub(in crate::plugin) enum Container {
    /// What every reader knows.
    #[default]
    #[enum_value(
        name = "A timestamp before each frame, which every player reads",
        nick = "legacy"
    )]
    Legacy,
    /// One `moof` and `mdat` per frame.
    #[enum_value(
        name = "Fragments of MP4: those that come in, where they do, else one for each frame",
        nick = "cmaf"
    )]
    Cmaf,
    /// As the IETF draft of this name.
    #[enum_value(
        name = "Low Overhead Container, as the IETF describes it",
        nick = "loc"
    )]
    Loc,
}

/// The same for one pad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSinkPadContainer")]
pub(in crate::plugin) enum PadContainer {
    /// As the element says.
    #[default]
    #[enum_value(name = "As the property of the element says", nick = "inherit")]
    Inherit,
    /// What every reader knows.
    #[enum_value(
        name = "A timestamp before each frame, which every player reads",
        nick = "legacy"
    )]
    Legacy,
    /// One `moof` and `mdat` per frame.
    #[enum_value(
        name = "Fragments of MP4: those that come in, where they do, else one for each frame",
        nick = "cmaf"
    )]
    Cmaf,
    /// As the IETF draft of this name.
    #[enum_value(
        name = "Low Overhead Container, as the IETF describes it",
        nick = "loc"
    )]
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
