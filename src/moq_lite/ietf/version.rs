//! The drafts of moq-transport.

use crate::moq_lite::coding;

/// The protocol name under which SETUP decides the version.
pub const ALPN: &str = "moq-00";

/// A draft of moq-transport, numbered as in SETUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Version {
    /// draft-ietf-moq-transport-14
    Draft14 = 0xff00_000e,
}

impl Version {
    /// The number in SETUP.
    pub const fn coding(self) -> coding::Version {
        coding::Version(self as u64)
    }

    /// The name that users see.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Draft14 => "moq-transport-14",
        }
    }
}

impl TryFrom<coding::Version> for Version {
    type Error = ();

    fn try_from(version: coding::Version) -> Result<Self, ()> {
        [Self::Draft14]
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
