//! Version numbers as they stand in SETUP messages.

use std::{fmt, ops::Deref};

use bytes::{Buf, BufMut};

use super::{BoundsExceeded, Decode, DecodeError, Encode};

/// A version number on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl From<u64> for Version {
    fn from(v: u64) -> Self {
        Self(v)
    }
}

impl From<Version> for u64 {
    fn from(v: Version) -> Self {
        v.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl<V> Decode<V> for Version {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        u64::decode(buf, version).map(Self)
    }
}

impl<V> Encode<V> for Version {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.0.encode(w, version)
    }
}

/// The name of a protocol in the TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alpn(pub &'static str);

/// Versions in order of preference. At most 64 are read from a peer.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versions(Vec<Version>);

impl Versions {
    const MAX: usize = 64;
}

impl Deref for Versions {
    type Target = Vec<Version>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Vec<Version>> for Versions {
    fn from(versions: Vec<Version>) -> Self {
        Self(versions)
    }
}

impl<const N: usize> From<[Version; N]> for Versions {
    fn from(versions: [Version; N]) -> Self {
        Self(versions.to_vec())
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl<V: Clone> Decode<V> for Versions {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let count = usize::decode(buf, version.clone())?;
        if count > Self::MAX {
            return Err(DecodeError::TooMany);
        }
        (0..count)
            .map(|_| Version::decode(buf, version.clone()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<V: Clone> Encode<V> for Versions {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.0.as_slice().encode(w, version)
    }
}
