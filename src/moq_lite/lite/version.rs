//! The versions of moq-lite, and what sets them apart.

use crate::moq_lite::coding;

/// The protocol name under which SETUP decides the version.
pub const ALPN: &str = "moql";

/// A version of moq-lite, numbered as in SETUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u64)]
pub enum Version {
    /// SUBSCRIBE_OK carries the priority.
    Draft01 = 0xff0d_ad01,
    /// SUBSCRIBE_OK is empty.
    Draft02 = 0xff0d_ad02,
    /// The protocol name is the version. Subscriptions have a range and an age and
    /// can be updated; probes.
    Draft03 = 0xff0d_ad03,
    /// Announcements list their hops; GOAWAY.
    Draft04 = 0xff0d_ad04,
    /// SETUP on a unidirectional stream each way, track information, timestamps,
    /// marked starts and ends of tracks, FETCH, datagrams.
    Draft05 = 0xff0d_ad05,
    /// Announcements are numbered routes with costs; ranges count frames too.
    Draft06 = 0xff0d_ad06,
}

impl Version {
    /// Every version, the newest first.
    pub const ALL: [Self; 6] = [
        Self::Draft06,
        Self::Draft05,
        Self::Draft04,
        Self::Draft03,
        Self::Draft02,
        Self::Draft01,
    ];

    /// The number in SETUP.
    pub const fn coding(self) -> coding::Version {
        coding::Version(self as u64)
    }

    /// The protocol name in the TLS handshake or the WebTransport request.
    pub const fn alpn(self) -> &'static str {
        match self {
            Self::Draft01 | Self::Draft02 => ALPN,
            direct => direct.name(),
        }
    }

    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft01 => "moq-lite-01",
            Self::Draft02 => "moq-lite-02",
            Self::Draft03 => "moq-lite-03",
            Self::Draft04 => "moq-lite-04",
            Self::Draft05 => "moq-lite-05",
            Self::Draft06 => "moq-lite-06",
        }
    }

    /// The first bidirectional stream agrees on the version and then lives as long
    /// as the session.
    pub(crate) fn has_session_stream(self) -> bool {
        self <= Self::Draft02
    }

    /// Each side describes itself on a unidirectional stream.
    pub(crate) fn has_setup_stream(self) -> bool {
        self >= Self::Draft05
    }

    /// The first answer to an announce request lists what there is.
    pub(crate) fn has_announce_init(self) -> bool {
        self <= Self::Draft02
    }

    /// The first answer to an announce request counts what there is.
    pub(crate) fn has_announce_ok(self) -> bool {
        self >= Self::Draft05
    }

    /// Announcements count their hops without naming them.
    pub(crate) fn has_hop_count(self) -> bool {
        self == Self::Draft03
    }

    /// Announcements name their hops.
    pub(crate) fn has_hops(self) -> bool {
        self >= Self::Draft04
    }

    /// The sender of an announcement is the last of its hops.
    pub(crate) fn adds_own_hop(self) -> bool {
        self == Self::Draft04
    }

    /// The announce request names a hop whose announcements are not wanted.
    pub(crate) fn has_excluded_hop(self) -> bool {
        matches!(self, Self::Draft04 | Self::Draft05)
    }

    /// A second start of a broadcast replaces the first.
    pub(crate) fn has_restart(self) -> bool {
        self == Self::Draft05
    }

    /// Announcements are numbered and of several types.
    pub(crate) fn has_routes(self) -> bool {
        self >= Self::Draft06
    }

    /// Subscriptions have an age and a range, and can be updated; answers have types.
    pub(crate) fn has_ranges(self) -> bool {
        self >= Self::Draft03
    }

    /// The field that once asked for groups in order.
    pub(crate) fn has_ordered(self) -> bool {
        matches!(self, Self::Draft03 | Self::Draft04 | Self::Draft05)
    }

    /// Ranges count frames too; without a start the age decides where to start.
    pub(crate) fn has_frame_ranges(self) -> bool {
        self >= Self::Draft06
    }

    /// The first group and the end of a track are marked instead of the acceptance.
    pub(crate) fn has_marks(self) -> bool {
        self >= Self::Draft05
    }

    /// Each frame has a timestamp; the track's scale of time can be asked for.
    pub(crate) fn has_timestamps(self) -> bool {
        self >= Self::Draft05
    }

    /// Single groups can be fetched.
    pub(crate) fn has_fetch(self) -> bool {
        self >= Self::Draft05
    }

    /// The bandwidth can be asked for.
    pub(crate) fn has_probe(self) -> bool {
        self >= Self::Draft03
    }

    /// Probes report the round-trip time too.
    pub(crate) fn has_probe_rtt(self) -> bool {
        self >= Self::Draft04
    }

    /// Either side can ask the other to leave.
    pub(crate) fn has_goaway(self) -> bool {
        self >= Self::Draft04
    }

    /// Groups of one frame may come as datagrams.
    pub(crate) fn has_datagrams(self) -> bool {
        self >= Self::Draft05
    }
}

impl TryFrom<coding::Version> for Version {
    type Error = ();

    fn try_from(version: coding::Version) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|known| known.coding() == version)
            .ok_or(())
    }
}

impl From<Version> for coding::Version {
    fn from(version: Version) -> Self {
        version.coding()
    }
}
