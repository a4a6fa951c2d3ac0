//! Where an object stands in its track.

use bytes::{Buf, BufMut};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// A group and an object in it, ordered as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The group's number.
    pub group: u64,
    /// The object's number in the group.
    pub object: u64,
}

impl<V: Clone> Decode<V> for Location {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(Self {
            group: u64::decode(buf, version.clone())?,
            object: u64::decode(buf, version)?,
        })
    }
}

impl<V: Clone> Encode<V> for Location {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.group.encode(w, version.clone())?;
        self.object.encode(w, version)
    }
}

/// A flag that says whether a location follows.
pub(super) mod optional {
    use super::*;
    use crate::moq_lite::ietf::Version;

    pub(in crate::moq_lite::ietf) fn encode<W: BufMut>(
        location: &Option<Location>,
        w: &mut W,
        version: Version,
    ) -> Result<(), BoundsExceeded> {
        location.is_some().encode(w, version)?;
        location.map_or(Ok(()), |location| location.encode(w, version))
    }

    pub(in crate::moq_lite::ietf) fn decode<R: Buf>(
        r: &mut R,
        version: Version,
    ) -> Result<Option<Location>, DecodeError> {
        let exists = bool::decode(r, version)?;
        exists.then(|| Location::decode(r, version)).transpose()
    }
}
