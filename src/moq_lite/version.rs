//! Every version that is spoken here, and how two peers come to agree on one.
//!
//! The protocol name of the TLS handshake or of the WebTransport request decides,
//! or else the SETUP exchange that the name calls for. A transport without a
//! name does that exchange too.

use super::{
    Error,
    coding::{self, Versions},
    ietf, lite,
};

/// A version of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Lite(lite::Version),
    Ietf(ietf::Version),
}

/// What the protocol name of a transport calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Negotiation {
    /// The SETUP exchange, offering these in this order.
    Setup(Vec<Version>),
}

impl Version {
    /// Those that SETUP can agree on, the preferred first.
    pub(crate) const SETUP: [Self; 3] = [
        Self::Lite(lite::Version::Draft02),
        Self::Lite(lite::Version::Draft01),
        Self::Ietf(ietf::Version::Draft14),
    ];

    /// The number in SETUP.
    pub(crate) const fn coding(self) -> coding::Version {
        match self {
            Self::Lite(version) => version.coding(),
            Self::Ietf(version) => version.coding(),
        }
    }

    /// The name that users see.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lite(version) => version.name(),
            Self::Ietf(version) => version.name(),
        }
    }

    /// The protocol name under which SETUP agrees on this version.
    fn setup_alpn(self) -> &'static str {
        match self {
            Self::Lite(_) => lite::ALPN,
            Self::Ietf(_) => ietf::ALPN,
        }
    }

    /// The code with which a session is closed.
    pub(crate) fn session_code(self) -> fn(&Error) -> u32 {
        match self {
            Self::Lite(_) => Error::to_code,
            Self::Ietf(_) => ietf::session::code,
        }
    }

    /// The numbers of some versions, for SETUP.
    pub(crate) fn numbers(versions: &[Self]) -> Versions {
        let numbers: Vec<_> = versions.iter().map(|version| version.coding()).collect();
        numbers.into()
    }
}

impl Negotiation {
    /// What to do on a transport with this protocol name.
    ///
    /// # Errors
    /// [`Error::Version`] when the name stands for nothing that is spoken here.
    pub(crate) fn of(protocol: Option<&str>) -> Result<Self, Error> {
        let mut versions = Version::SETUP.to_vec();
        if let Some(name) = protocol {
            versions.retain(|version| version.setup_alpn() == name);
        }
        if versions.is_empty() {
            let ours = Version::numbers(&Version::SETUP);
            return Err(Error::Version(Versions::default(), ours));
        }
        Ok(Self::Setup(versions))
    }
}
