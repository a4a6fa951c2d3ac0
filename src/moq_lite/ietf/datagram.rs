//! An object in a datagram.

use bytes::{Buf, Bytes};

use super::ObjectStatus;
use crate::moq_lite::coding::{Decode, DecodeError};

/// An object that came by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Stands for the track.
    pub track_alias: u64,
    /// The group's number.
    pub group_id: u64,
    /// The object's place in the group.
    pub object_id: u64,
    /// What it carries.
    pub body: DatagramBody,
}

/// What a [`Datagram`] carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatagramBody {
    /// The whole object, to the end of the datagram.
    Payload(Bytes),
    /// Why there is none.
    Status(ObjectStatus),
}

impl<V: Clone> Decode<V> for Datagram {
    /// Takes all of `buf`. Its priority and its extensions are of no use here.
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let kind = u64::decode(buf, version.clone())?;
        let has_status = match kind {
            0x00..=0x07 => false,
            0x20 | 0x21 => true,
            _ => return Err(DecodeError::InvalidMessage(kind)),
        };
        let track_alias = u64::decode(buf, version.clone())?;
        let group_id = u64::decode(buf, version.clone())?;
        let object_id = match kind & OBJECT_0 {
            0 => u64::decode(buf, version.clone())?,
            _ => 0,
        };
        let _priority = u8::decode(buf, version.clone())?;
        if kind & EXTENSIONS != 0 {
            let size = u64::decode(buf, version.clone())?;
            if size > buf.remaining() as u64 {
                return Err(DecodeError::Short);
            }
            buf.advance(size as usize);
        }
        let body = if has_status {
            DatagramBody::Status(ObjectStatus::decode(buf, version)?)
        } else {
            DatagramBody::Payload(buf.copy_to_bytes(buf.remaining()))
        };
        Ok(Self {
            track_alias,
            group_id,
            object_id,
            body,
        })
    }
}

/// Bits of the kind.
const EXTENSIONS: u64 = 0x01;
const OBJECT_0: u64 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_each_truncation_and_other_kind_refused() {
        let payload = DatagramBody::Payload("hey".into());
        let end = DatagramBody::Status(ObjectStatus::EndOfTrack);
        let cases: [(&[u8], u64, &DatagramBody); 10] = [
            (b"\x00\x09\x05\x01\x80hey", 1, &payload),
            (b"\x01\x09\x05\x01\x80\x02\x3c\x07hey", 1, &payload),
            (b"\x02\x09\x05\x01\x80hey", 1, &payload),
            (b"\x03\x09\x05\x01\x80\x02\x3c\x07hey", 1, &payload),
            (b"\x04\x09\x05\x80hey", 0, &payload),
            (b"\x05\x09\x05\x80\x02\x3c\x07hey", 0, &payload),
            (b"\x06\x09\x05\x80hey", 0, &payload),
            (b"\x07\x09\x05\x80\x02\x3c\x07hey", 0, &payload),
            (b"\x20\x09\x05\x01\x80\x04", 1, &end),
            (b"\x21\x09\x05\x01\x80\x02\x3c\x07\x04", 1, &end),
        ];
        for (bytes, object_id, body) in cases {
            let read = Datagram::decode(&mut &bytes[..], ()).unwrap();
            let expected = Datagram {
                track_alias: 9,
                group_id: 5,
                object_id,
                body: body.clone(),
            };
            assert_eq!(read, expected);
            let head = bytes.len() - if *body == end { 0 } else { 3 };
            for short in 0..head {
                let result = Datagram::decode(&mut &bytes[..short], ());
                assert!(matches!(result, Err(DecodeError::Short)), "{bytes:x?}");
            }
        }
        for kind in [0x08u8, 0x10, 0x1f, 0x22, 0x24, 0x3f] {
            let result = Datagram::decode(&mut &[kind, 9, 5, 0, 0][..], ());
            assert!(matches!(result, Err(DecodeError::InvalidMessage(_))));
        }
    }
}
