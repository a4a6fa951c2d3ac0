//! Every version that is spoken here, and how two peers come to agree on one.
//!
//! The protocol name of the TLS handshake or of the WebTransport request decides:
//! it is the version, or it calls for the SETUP exchange. A transport without a
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
    /// Nothing: the name is the version.
    Direct(Version),
    /// The SETUP exchange, offering these in this order.
    Setup(Vec<Version>),
}

impl Version {
    /// Those that a protocol name stands for, the preferred first.
    pub(crate) const DIRECT: [Self; 4] = [
        Self::Lite(lite::Version::Draft06),
        Self::Lite(lite::Version::Draft05),
        Self::Lite(lite::Version::Draft04),
        Self::Lite(lite::Version::Draft03),
    ];

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

    /// The protocol name that leads to this version.
    pub(crate) const fn alpn(self) -> &'static str {
        match self {
            Self::Lite(version) => version.alpn(),
            Self::Ietf(_) => ietf::ALPN,
        }
    }

    /// Whether a client can say which path it wants where the transport has no URL.
    pub(crate) fn carries_path(self) -> bool {
        match self {
            Self::Lite(version) => version.has_setup_stream(),
            Self::Ietf(_) => true,
        }
    }

    /// Whether either side can ask the other to leave.
    pub(crate) fn has_goaway(self) -> bool {
        match self {
            Self::Lite(version) => version.has_goaway(),
            Self::Ietf(_) => true,
        }
    }

    /// The code with which a session is closed.
    pub(crate) fn session_code(self) -> fn(&Error) -> u32 {
        match self {
            Self::Lite(version) => version.session_code(),
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
        let mut setup = Version::SETUP.to_vec();
        let Some(name) = protocol else {
            return Ok(Self::Setup(setup));
        };
        setup.retain(|version| version.alpn() == name);
        if !setup.is_empty() {
            return Ok(Self::Setup(setup));
        }
        let mut direct = Version::DIRECT.into_iter();
        let version = direct.find(|version| version.alpn() == name);
        version.map(Self::Direct).ok_or_else(|| {
            let ours = [&Version::DIRECT[..], &Version::SETUP].concat();
            Error::Version(Versions::default(), Version::numbers(&ours))
        })
    }

    /// Those of `versions` that are left, in their order.
    ///
    /// # Errors
    /// [`Error::Version`] when none is.
    pub(crate) fn only(self, versions: &Versions) -> Result<Self, Error> {
        let left = match &self {
            Self::Direct(version) => std::slice::from_ref(version),
            Self::Setup(offered) => offered,
        };
        let wanted = versions.iter().filter_map(|&wanted| {
            let found = left.iter().find(|version| version.coding() == wanted);
            found.copied()
        });
        let chosen: Vec<_> = wanted.collect();
        match self {
            _ if chosen.is_empty() => Err(Error::Version(versions.clone(), Version::numbers(left))),
            Self::Direct(version) => Ok(Self::Direct(version)),
            Self::Setup(_) => Ok(Self::Setup(chosen)),
        }
    }
}

/// Whether [`super::Client::with_path`] reaches the server on a transport with
/// this protocol name. Needed where the transport has no URL: raw QUIC.
pub fn carries_path(protocol: Option<&str>) -> bool {
    match Negotiation::of(protocol) {
        Ok(Negotiation::Direct(version)) => version.carries_path(),
        // The server may choose any of them.
        Ok(Negotiation::Setup(versions)) => {
            versions.into_iter().all(|version| version.carries_path())
        }
        Err(_) => false,
    }
}
