//! Parameters of moq-lite's SETUP: bytes by number.

use std::{collections::BTreeMap, fmt};

use bytes::{Buf, BufMut, Bytes};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// Parameters by id, written in rising order. At most 64 are read. `Debug` shows how
/// long each is: there may be a token in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<u64, Bytes>);

impl Parameters {
    const MAX: usize = 64;

    /// The value of a parameter.
    pub fn get(&self, id: u64) -> Option<&Bytes> {
        self.0.get(&id)
    }

    /// Sets a parameter; the value before is returned.
    pub fn set(&mut self, id: u64, value: impl Into<Bytes>) -> Option<Bytes> {
        self.0.insert(id, value.into())
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.0.iter().map(|(id, value)| (id, value.len()));
        f.debug_map().entries(sizes).finish()
    }
}

impl<V: Clone> Decode<V> for Parameters {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let count = usize::decode(buf, version.clone())?;
        if count > Self::MAX {
            return Err(DecodeError::TooMany);
        }
        let mut map = BTreeMap::new();
        for _ in 0..count {
            let id = u64::decode(buf, version.clone())?;
            if map
                .insert(id, Bytes::decode(buf, version.clone())?)
                .is_some()
            {
                return Err(DecodeError::Duplicate);
            }
        }
        Ok(Self(map))
    }
}

impl<V: Clone> Encode<V> for Parameters {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.0.len().encode(w, version.clone())?;
        self.0.iter().try_for_each(|(id, value)| {
            id.encode(w, version.clone())?;
            value.encode(w, version.clone())
        })
    }
}
