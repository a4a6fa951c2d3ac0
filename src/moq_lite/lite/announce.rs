//! The announce stream: which broadcasts there are.

use bytes::{Buf, BufMut};

use super::{Message, Version};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The subscriber asks for broadcasts below a prefix. First on the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncePlease<'a> {
    /// Relative to the session's root.
    pub prefix: Path<'a>,
}

impl Message for AnnouncePlease<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let prefix = Path::decode(buf, version)?;
        Ok(Self { prefix })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.prefix.encode(w, version)
    }
}

/// The publisher's first answer: what is active now, perhaps nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AnnounceInit<'a> {
    /// Paths without the prefix.
    #[cfg_attr(feature = "serde", serde(borrow))]
    pub suffixes: Vec<Path<'a>>,
}

impl Message for AnnounceInit<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let count = usize::decode(buf, version)?;
        // Each takes a byte at the least, so the body bounds the list.
        if count > buf.remaining() {
            return Err(DecodeError::ExpectedData);
        }
        let suffixes = (0..count)
            .map(|_| Path::decode(buf, version))
            .collect::<Result<_, _>>()?;
        Ok(Self { suffixes })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.suffixes.as_slice().encode(w, version)
    }
}

/// The publisher's later answers: what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Announce<'a> {
    /// A broadcast is there.
    Active {
        /// Its path without the prefix.
        #[cfg_attr(feature = "serde", serde(borrow))]
        suffix: Path<'a>,
    },
    /// A broadcast is gone.
    Ended {
        /// Its path without the prefix.
        #[cfg_attr(feature = "serde", serde(borrow))]
        suffix: Path<'a>,
    },
}

impl Message for Announce<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let status = u8::decode(buf, version)?;
        let suffix = Path::decode(buf, version)?;
        match status {
            0x00 => Ok(Self::Ended { suffix }),
            0x01 => Ok(Self::Active { suffix }),
            _ => Err(DecodeError::InvalidValue),
        }
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let (status, suffix) = match self {
            Self::Ended { suffix } => (0x00u8, suffix),
            Self::Active { suffix } => (0x01u8, suffix),
        };
        status.encode(w, version)?;
        suffix.encode(w, version)
    }
}
