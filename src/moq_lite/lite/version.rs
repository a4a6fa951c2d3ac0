//! The versions of moq-lite.

use crate::moq_lite::coding;

/// The protocol name under which SETUP decides the version.
pub const ALPN: &str = "moql";

/// A version of moq-lite, numbered as in SETUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Version {
    /// SUBSCRIBE_OK carries the priority.
    Draft01 = 0xff0d_ad01,
    /// SUBSCRIBE_OK is empty.
    Draft02 = 0xff0d_ad02,
}

impl Version {
    const ALL: [Self; 2] = [Self::Draft02, Self::Draft01];

    /// The number in SETUP.
    pub const fn coding(self) -> coding::Version {
        coding::Version(self as u64)
    }

    /// The name that users see.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Draft01 => "moq-lite-01",
            Self::Draft02 => "moq-lite-02",
        }
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
