//! The way of an announcement from its origin to whoever sent it.

use bytes::{Buf, BufMut};

use super::Version;
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// The ids of the hops that an announcement passed, the origin first. 0 stands for
/// one that is not known. Version 03 tells only how many there are, older ones
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Hops(Vec<u64>);

impl Hops {
    /// The most hops of an announcement.
    pub const MAX: usize = 32;

    /// The largest id that is drawn here: every program can hold it exactly.
    const MAX_ID: u64 = (1 << 53) - 1;

    /// From the origin to the sender.
    pub fn ids(&self) -> &[u64] {
        &self.0
    }

    /// Whether the announcement passed `id`; never for 0.
    pub fn contains(&self, id: u64) -> bool {
        id != 0 && self.0.contains(&id)
    }

    /// Only this hop.
    pub(crate) fn of(id: u64) -> Self {
        Self(vec![id])
    }

    /// A new id for a session, from 1 to 2^53 - 1.
    pub(crate) fn random_id() -> u64 {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(0u8) % Self::MAX_ID + 1
    }
}

impl TryFrom<Vec<u64>> for Hops {
    type Error = DecodeError;

    /// # Errors
    /// [`DecodeError::TooMany`] beyond [`Hops::MAX`], [`DecodeError::Duplicate`] when
    /// an id other than 0 stands there twice.
    fn try_from(ids: Vec<u64>) -> Result<Self, DecodeError> {
        if ids.len() > Self::MAX {
            return Err(DecodeError::TooMany);
        }
        let twice = |(at, id): (usize, &u64)| *id != 0 && ids[..at].contains(id);
        if ids.iter().enumerate().any(twice) {
            return Err(DecodeError::Duplicate);
        }
        Ok(Self(ids))
    }
}

impl Decode<Version> for Hops {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        if !version.has_hop_count() && !version.has_hops() {
            return Ok(Self::default());
        }
        let count = usize::decode(buf, version)?;
        if count > Self::MAX {
            return Err(DecodeError::TooMany);
        }
        if version.has_hop_count() {
            return Ok(Self(vec![0; count]));
        }
        let ids = (0..count).map(|_| u64::decode(buf, version));
        ids.collect::<Result<Vec<_>, _>>()?.try_into()
    }
}

impl Encode<Version> for Hops {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        if version.has_hop_count() {
            self.0.len().encode(w, version)
        } else if version.has_hops() {
            self.0.as_slice().encode(w, version)
        } else {
            Ok(())
        }
    }
}
