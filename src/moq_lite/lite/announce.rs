//! The announce stream: which broadcasts there are.

use bytes::{Buf, BufMut};

use super::{Hops, Message, Version};
use crate::moq_lite::{
    Path,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The subscriber asks for broadcasts below a prefix. First on the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncePlease<'a> {
    /// Relative to the session's root.
    pub prefix: Path<'a>,
    /// Announcements that passed this hop are not wanted; 0 for none. In 04 and 05.
    pub exclude_hop: u64,
}

impl Message for AnnouncePlease<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let prefix = Path::decode(buf, version)?;
        let exclude_hop = if version.has_excluded_hop() {
            u64::decode(buf, version)?
        } else {
            0
        };
        Ok(Self {
            prefix,
            exclude_hop,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.prefix.encode(w, version)?;
        if version.has_excluded_hop() {
            self.exclude_hop.encode(w, version)?;
        }
        Ok(())
    }
}

/// The publisher's first answer in 01 and 02: what is active now, perhaps nothing.
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

/// The publisher's first answer from 05 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceOk {
    /// The publisher as a hop, which its announcements do not list.
    pub hop: u64,
    /// How many of the announcements that follow are active already.
    pub active: u64,
}

impl Message for AnnounceOk {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            hop: u64::decode(buf, version)?,
            active: u64::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.hop.encode(w, version)?;
        self.active.encode(w, version)
    }
}

/// What changed, up to 05.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Announce<'a> {
    /// A broadcast is there.
    Active {
        /// Its path without the prefix.
        #[cfg_attr(feature = "serde", serde(borrow))]
        suffix: Path<'a>,
        /// The way that it came. From 03 on.
        #[cfg_attr(feature = "serde", serde(default))]
        hops: Hops,
    },
    /// A broadcast is gone.
    Ended {
        /// Its path without the prefix.
        #[cfg_attr(feature = "serde", serde(borrow))]
        suffix: Path<'a>,
    },
    /// A broadcast that was there comes another way. In 05.
    Restart {
        /// Its path without the prefix.
        #[cfg_attr(feature = "serde", serde(borrow))]
        suffix: Path<'a>,
        /// The way that it comes.
        #[cfg_attr(feature = "serde", serde(default))]
        hops: Hops,
    },
}

impl Message for Announce<'_> {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let status = u8::decode(buf, version)?;
        let suffix = Path::decode(buf, version)?;
        let hops = Hops::decode(buf, version)?;
        match status {
            0x00 => Ok(Self::Ended { suffix }),
            0x01 => Ok(Self::Active { suffix, hops }),
            0x02 if version.has_restart() => Ok(Self::Restart { suffix, hops }),
            _ => Err(DecodeError::InvalidValue),
        }
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let none = Hops::default();
        let (status, suffix, hops) = match self {
            Self::Ended { suffix } => (0x00u8, suffix, &none),
            Self::Active { suffix, hops } => (0x01, suffix, hops),
            // The other versions know no better word.
            Self::Restart { suffix, hops } if !version.has_restart() => (0x01, suffix, hops),
            Self::Restart { suffix, hops } => (0x02, suffix, hops),
        };
        status.encode(w, version)?;
        suffix.encode(w, version)?;
        hops.encode(w, version)
    }
}
