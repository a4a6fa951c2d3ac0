//! The SETUP exchange: how two peers agree on a version when the name of the
//! protocol did not say it.
//!
//! Both messages are a type, a 16-bit length and a body. The parameters in the
//! client's body are those of moq-transport, draft 14 (a number for even ids,
//! bytes for odd ones); moq-lite needs none of them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{
    coding::{BoundsExceeded, Decode, DecodeError, Encode, Version, Versions},
    ietf::{self, ParameterVarInt, Parameters},
};

/// What the client offers, the preferred version first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientSetup {
    pub(crate) versions: Versions,
    pub(crate) parameters: Parameters,
}

impl ClientSetup {
    /// The limit of our requests, in versions that number them.
    pub(crate) fn max_request_id(&self) -> u64 {
        max_request_id(&self.parameters)
    }
}

/// What the server chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerSetup {
    pub(crate) version: Version,
    /// None are sent or kept for moq-lite.
    pub(crate) parameters: Parameters,
}

impl ServerSetup {
    /// The limit of our requests, in versions that number them.
    pub(crate) fn max_request_id(&self) -> u64 {
        max_request_id(&self.parameters)
    }
}

fn max_request_id(parameters: &Parameters) -> u64 {
    // Without a word none are allowed, until the peer says more.
    let limit = parameters.get_varint(ParameterVarInt::MaxRequestId);
    limit.unwrap_or_default()
}

const CLIENT: u64 = 0x20;
const SERVER: u64 = 0x21;

impl Encode<()> for ClientSetup {
    fn encode<W: BufMut>(&self, w: &mut W, _: ()) -> Result<(), BoundsExceeded> {
        let mut body = BytesMut::new();
        self.versions.encode(&mut body, ())?;
        self.parameters.encode(&mut body, ())?;
        envelope(w, CLIENT, &body)
    }
}

impl Decode<()> for ClientSetup {
    fn decode<B: Buf>(buf: &mut B, _: ()) -> Result<Self, DecodeError> {
        let mut body = open(buf, CLIENT)?;
        parse(&mut body, |body| {
            let versions = Versions::decode(body, ())?;
            let parameters = Parameters::decode(body, ())?;
            Ok(Self {
                versions,
                parameters,
            })
        })
    }
}

impl Encode<()> for ServerSetup {
    fn encode<W: BufMut>(&self, w: &mut W, _: ()) -> Result<(), BoundsExceeded> {
        let mut body = BytesMut::new();
        self.version.encode(&mut body, ())?;
        self.parameters.encode(&mut body, ())?;
        envelope(w, SERVER, &body)
    }
}

impl Decode<()> for ServerSetup {
    /// Which form the parameters have depends on the version; those of moq-lite are
    /// skipped.
    fn decode<B: Buf>(buf: &mut B, _: ()) -> Result<Self, DecodeError> {
        let mut body = open(buf, SERVER)?;
        parse(&mut body, |body| {
            let version = Version::decode(body, ())?;
            if ietf::Version::try_from(version).is_err() {
                body.clear();
                let parameters = Parameters::default();
                return Ok(Self {
                    version,
                    parameters,
                });
            }
            let parameters = Parameters::decode(body, ())?;
            Ok(Self {
                version,
                parameters,
            })
        })
    }
}

fn envelope<W: BufMut>(w: &mut W, kind: u64, body: &[u8]) -> Result<(), BoundsExceeded> {
    kind.encode(w, ())?;
    w.put_u16(body.len().try_into().map_err(|_| BoundsExceeded)?);
    w.put_slice(body);
    Ok(())
}

/// The whole body, once it arrived.
fn open<B: Buf>(buf: &mut B, expected: u64) -> Result<Bytes, DecodeError> {
    let kind = u64::decode(buf, ())?;
    if kind != expected {
        return Err(DecodeError::InvalidMessage(kind));
    }
    let size = usize::from(u16::decode(buf, ())?);
    if buf.remaining() < size {
        return Err(DecodeError::Short);
    }
    Ok(buf.copy_to_bytes(size))
}

fn parse<T>(
    body: &mut Bytes,
    read: impl FnOnce(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    match read(body) {
        Err(DecodeError::Short) => Err(DecodeError::ExpectedData),
        Ok(_) if body.has_remaining() => Err(DecodeError::Long),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITE_02: Version = Version(0xff0d_ad02);

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let client = ClientSetup {
            versions: [LITE_02].into(),
            parameters: Parameters::default(),
        };
        let bytes = client.encode_bytes(()).unwrap();
        assert_eq!(
            bytes[..],
            *b"\x20\x00\x0a\x01\xc0\0\0\0\xff\x0d\xad\x02\x00"
        );
        let server = ServerSetup {
            version: LITE_02,
            parameters: Parameters::default(),
        };
        let bytes = server.encode_bytes(()).unwrap();
        assert_eq!(bytes[..], *b"\x21\x00\x09\xc0\0\0\0\xff\x0d\xad\x02\x00");
    }

    #[test]
    fn a_client_of_the_first_generation_is_understood() {
        let mut bytes: &[u8] =
            b"\x20\x00\x30\x03\xc0\0\0\0\xff\x0d\xad\x02\xc0\0\0\0\xff\x0d\xad\x01\
            \xc0\0\0\0\xff\0\0\x0e\x02\x02\xc0\0\0\0\xff\xff\xff\xff\x07\x0bmoq-lite-rs";
        let setup = ClientSetup::decode(&mut bytes, ()).unwrap();
        let versions = [0xff0d_ad02, 0xff0d_ad01, 0xff00_000e].map(Version);
        assert_eq!(setup.versions, versions.into());
        assert_eq!(setup.max_request_id(), 0xffff_ffff);
        assert!(bytes.is_empty());
    }

    #[test]
    fn every_truncation_waits_or_is_refused() {
        let whole = b"\x20\x00\x0a\x01\xc0\0\0\0\xff\x0d\xad\x02\x00";
        for cut in 0..whole.len() {
            let short = ClientSetup::decode(&mut &whole[..cut], ());
            assert!(matches!(short, Err(DecodeError::Short)), "{cut}");
        }
        let inner: &[u8] = b"\x20\x00\x04\x01\xc0\0\0";
        let inner = ClientSetup::decode(&mut &inner[..], ());
        assert!(matches!(inner, Err(DecodeError::ExpectedData)));
        let long: &[u8] = b"\x20\x00\x03\x00\x00\x00";
        let long = ClientSetup::decode(&mut &long[..], ());
        assert!(matches!(long, Err(DecodeError::Long)));
    }
}
