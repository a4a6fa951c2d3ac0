//! The bodies of moq-lite's own SETUP messages: of the exchange that agrees on a
//! version, and of the stream on which each side describes itself from 05 on.

use std::fmt;

use bytes::{Buf, BufMut, Bytes};

use super::{Message, Parameters, Version};
use crate::moq_lite::{
    coding::{self, BoundsExceeded, Decode, DecodeError, Encode, Versions},
    redact,
};

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

/// What each side says about itself. From 05 on. `Debug` leaves the query of the path
/// out: there may be a token in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// What the sender does when it is probed.
    pub probe: ProbeLevel,
    /// The path and query that a client wants, on transports without a URL.
    pub path: Option<String>,
    /// What a client does; `None` for both.
    pub role: Option<Role>,
    /// What the link costs.
    pub cost: Option<u64>,
    /// The sender as a hop; 0 on the wire stands for `None`.
    pub hop: Option<u64>,
}

/// What a publisher does when it is probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeLevel {
    /// Nothing.
    #[default]
    None,
    /// It reports.
    Report,
    /// It also sends more than is needed, to find out.
    Increase,
}

/// The only thing that a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It publishes.
    Publisher,
    /// It subscribes.
    Subscriber,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().map(redact::without_query);
        f.debug_struct("Setup")
            .field("probe", &self.probe)
            .field("path", &path)
            .field("role", &self.role)
            .field("cost", &self.cost)
            .field("hop", &self.hop)
            .finish()
    }
}

impl Setup {
    /// The largest body that is read.
    pub const MAX: usize = 64 * 1024;
}

const PROBE: u64 = 1;
const PATH: u64 = 2;
const ROLE: u64 = 3;
const COST: u64 = 4;
const HOP: u64 = 5;

impl Message for Setup {
    fn decode_msg<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        if buf.remaining() > Self::MAX {
            return Err(DecodeError::BoundsExceeded);
        }
        let parameters = Parameters::decode(buf, version)?;
        let number = |id| parameters.get(id).map(number).transpose();
        let probe = match number(PROBE)? {
            None | Some(0) => ProbeLevel::None,
            Some(1) => ProbeLevel::Report,
            Some(_) => ProbeLevel::Increase,
        };
        let path = parameters.get(PATH);
        let path = path
            .map(|path| String::from_utf8(path.to_vec()))
            .transpose()?;
        let role = match number(ROLE)? {
            None => None,
            Some(1) => Some(Role::Publisher),
            Some(2) => Some(Role::Subscriber),
            Some(_) => return Err(DecodeError::InvalidValue),
        };
        Ok(Self {
            probe,
            path,
            role,
            cost: number(COST)?,
            hop: number(HOP)?.filter(|&hop| hop > 0),
        })
    }

    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let mut parameters = Parameters::default();
        let probe = match self.probe {
            ProbeLevel::None => None,
            ProbeLevel::Report => Some(1u64),
            ProbeLevel::Increase => Some(2),
        };
        let role = self.role.map(|role| match role {
            Role::Publisher => 1u64,
            Role::Subscriber => 2,
        });
        let numbers = [
            (PROBE, probe),
            (ROLE, role),
            (COST, self.cost),
            (HOP, self.hop),
        ];
        for (id, value) in numbers {
            if let Some(value) = value {
                parameters.set(id, value.encode_bytes(version)?);
            }
        }
        if let Some(path) = &self.path {
            parameters.set(PATH, path.clone());
        }
        parameters.encode(w, version)
    }
}

/// A number as the value of a parameter: nothing may stand behind it.
fn number(value: &Bytes) -> Result<u64, DecodeError> {
    let mut value = value.clone();
    match u64::decode(&mut value, ()) {
        Err(DecodeError::Short) => Err(DecodeError::ExpectedData),
        Ok(_) if value.has_remaining() => Err(DecodeError::Long),
        result => result,
    }
}
