//! The bodies of moq-lite's own SETUP messages.

use bytes::{Buf, BufMut};

use super::{Message, Parameters, Version};
use crate::moq_lite::coding::{self, BoundsExceeded, Decode, DecodeError, Encode, Versions};

/// The client's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSetup {
    /// In order of preference.
    pub versions: Versions,
    /// Ignored by every version so far.
    pub parameters: Parameters,
}

impl Message for ClientSetup {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            versions: Versions::decode(buf, version)?,
            parameters: Parameters::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.versions.encode(w, version)?;
        self.parameters.encode(w, version)
    }
}

/// The server's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSetup {
    /// One of the offered.
    pub version: coding::Version,
    /// Ignored by every version so far.
    pub parameters: Parameters,
}

impl Message for ServerSetup {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        Ok(Self {
            version: coding::Version::decode(buf, version)?,
            parameters: Parameters::decode(buf, version)?,
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        self.version.encode(w, version)?;
        self.parameters.encode(w, version)
    }
}
