//! Announcements of version 06: routes, which are numbered and have a cost.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Hops, Version, message};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// What it costs to take a route; less is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// When it is in use already.
    pub warm: u64,
    /// When it is not.
    pub cold: u64,
}

/// What changed, in 06.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// A broadcast is there. The n-th of a stream, counted from 0, has the id n.
    Start {
        /// Its path without the prefix.
        suffix: Path<'a>,
        /// The way that it came.
        hops: Hops,
        /// What it costs.
        cost: Cost,
    },
    /// A broadcast is gone, and its id with it.
    End {
        /// The id of its start.
        id: u64,
    },
    /// A broadcast comes another way.
    Update {
        /// The id of its start.
        id: u64,
        /// The way that it comes.
        hops: Hops,
        /// What it costs.
        cost: Cost,
    },
    /// Of a type that is not known. It is not written.
    Unknown,
}

const START: u64 = 0;
const END: u64 = 1;
const UPDATE: u64 = 2;

impl Encode<Version> for Route<'_> {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let mut body = BytesMut::new();
        let kind = match self {
            Self::Start { suffix, hops, cost } => {
                suffix.encode(&mut body, version)?;
                hops.encode(&mut body, version)?;
                cost.encode(&mut body, version)?;
                START
            }
            Self::End { id } => {
                id.encode(&mut body, version)?;
                END
            }
            Self::Update { id, hops, cost } => {
                id.encode(&mut body, version)?;
                hops.encode(&mut body, version)?;
                cost.encode(&mut body, version)?;
                UPDATE
            }
            Self::Unknown => return Ok(()),
        };
        message::put(w, Some(kind), &body, version)
    }
}

impl Decode<Version> for Route<'_> {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let kind = u64::decode(buf, version)?;
        message::take(buf, version, |body: &mut Bytes| match kind {
            START => Ok(Self::Start {
                suffix: Path::decode(body, version)?,
                hops: Hops::decode(body, version)?,
                cost: Cost::decode(body, version)?,
            }),
            END => Ok(Self::End {
                id: u64::decode(body, version)?,
            }),
            UPDATE => Ok(Self::Update {
                id: u64::decode(body, version)?,
                hops: Hops::decode(body, version)?,
                cost: Cost::decode(body, version)?,
            }),
            _ => {
                body.clear();
                Ok(Self::Unknown)
            }
        })
    }
}

impl<V: Copy> Encode<V> for Cost {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.warm.encode(w, version)?;
        self.cold.encode(w, version)
    }
}

impl<V: Copy> Decode<V> for Cost {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        Ok(Self {
            warm: u64::decode(buf, version)?,
            cold: u64::decode(buf, version)?,
        })
    }
}
