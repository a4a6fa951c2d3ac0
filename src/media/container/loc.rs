//! LOC: a block of properties, then the codec payload (draft-ietf-moq-loc-04, as far as it is in use).
//!
//! A property is a varint type, written as the difference to the type before it, then a varint (even
//! types) or bytes with their length (odd types). Written is the timestamp alone. As in the legacy
//! container it is the presentation time, and a frame without payload is a marker and not a sample;
//! some players stop at one, so none is ever written.

use bytes::{Buf, Bytes, BytesMut};

use super::chunks::Chunks;
use crate::{
    media::{Error, Micros},
    moq_lite::coding::{Decode, Encode},
};

/// The presentation time.
const TIMESTAMP: u64 = 0x10;
/// The same, as publishers of earlier drafts write it.
const OLD_TIMESTAMP: u64 = 0x06;
/// Units per second of the timestamp, where it is not in microseconds.
const TIMESCALE: u64 = 0x08;
/// The largest block that is read; a decoder's configuration may be part of it.
const MAX_PROPERTIES: u64 = 64 * 1024;

/// The properties that precede the payload; write them as the frame's first chunk.
pub fn encode_timestamp(timestamp: Micros) -> Bytes {
    let value = timestamp
        .encode_bytes(())
        .expect("a timestamp is below 2^62");
    let mut block = BytesMut::with_capacity(2 + value.len());
    for number in [1 + value.len() as u64, TIMESTAMP] {
        number
            .encode(&mut block, ())
            .expect("these are below 2^62 by far");
    }
    block.extend_from_slice(&value);
    block.freeze()
}

/// Splits a frame into timestamp and payload. The payload is slices of the chunks, not a copy.
pub fn decode_chunks(chunks: Vec<Bytes>) -> Result<(Micros, Vec<Bytes>), Error> {
    let mut chunks = Chunks::from(chunks);
    let timestamp = decode(&mut chunks)?;
    Ok((timestamp, chunks.into()))
}

/// Takes the properties off a frame.
pub(super) fn decode(frame: &mut Chunks) -> Result<Micros, Error> {
    let size = number(frame)?;
    if size > MAX_PROPERTIES {
        return Err(Error::Loc("the properties are larger than 65536 bytes"));
    }
    if size > frame.len() as u64 {
        return Err(SHORT);
    }
    let mut block = frame.split(size as usize);
    let (mut timestamp, mut old, mut timescale) = (None, None, None);
    let mut kind = 0u64;
    while block.has_remaining() {
        kind = kind
            .checked_add(number(&mut block)?)
            .ok_or(Error::Loc("the type of a property is out of range"))?;
        let value = number(&mut block)?;
        match kind {
            TIMESTAMP => timestamp = Some(value),
            OLD_TIMESTAMP => old = Some(value),
            TIMESCALE => timescale = Some(value),
            kind if kind % 2 == 1 => match usize::try_from(value) {
                Ok(length) if length <= block.len() => block.advance(length),
                _ => return Err(SHORT),
            },
            _ => {}
        }
    }
    let timestamp = timestamp
        .or(old)
        .ok_or(Error::Loc("the frame has no timestamp"))?;
    let timescale = timescale.unwrap_or(MICROS);
    if timescale == 0 {
        return Err(Error::Loc("the timescale is 0"));
    }
    let micros = u128::from(timestamp) * u128::from(MICROS) + u128::from(timescale / 2);
    u64::try_from(micros / u128::from(timescale))
        .ok()
        .and_then(|micros| Micros::new_u64(micros).ok())
        .ok_or(Error::Loc("the timestamp is out of range"))
}

fn number<B: Buf>(buf: &mut B) -> Result<u64, Error> {
    u64::decode(buf, ()).map_err(|_| SHORT)
}

const SHORT: Error = Error::Loc("the frame ends inside its properties");
const MICROS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(value: u64) -> Micros {
        Micros::new_u64(value).expect("small enough")
    }

    fn read(frame: &'static [u8]) -> Result<(u64, Vec<u8>), Error> {
        let (time, payload) = decode_chunks(vec![Bytes::from_static(frame)])?;
        Ok((time.as_micros() as u64, payload.concat()))
    }

    const SECOND: &[u8] = &[0x05, 0x10, 0x80, 0x0f, 0x42, 0x40, 0xaa, 0xbb];

    #[test]
    fn a_frame_begins_with_its_timestamp_as_the_only_property() {
        assert_eq!(&encode_timestamp(micros(1_000_000))[..], &SECOND[..6]);
        assert_eq!(&encode_timestamp(micros(0))[..], [0x02, 0x10, 0]);
        assert_eq!(read(SECOND), Ok((1_000_000, vec![0xaa, 0xbb])));
    }

    #[test]
    fn every_property_of_other_publishers_is_read_or_skipped() {
        let old = [0x03, 0x06, 0x43, 0xe8, 0xaa].as_slice();
        let scaled = [0x08, 0x08, 0x80, 0x01, 0x5f, 0x90, 0x08, 0x40, 0x5a, 0xaa].as_slice();
        let both = [0x05, 0x06, 0x01, 0x0a, 0x43, 0xe8, 0xaa].as_slice();
        let others = [
            0x0b, 0x02, 0x07, 0x0b, 0x02, 0xee, 0xee, 0x03, 0x43, 0xe8, 0x01, 0x00, 0xaa,
        ]
        .as_slice();
        assert_eq!(read(old), Ok((1000, vec![0xaa])));
        assert_eq!(read(scaled), Ok((1000, vec![0xaa])), "90 kHz");
        assert_eq!(read(both), Ok((1000, vec![0xaa])), "the new one wins");
        assert_eq!(read(others), Ok((1000, vec![0xaa])), "2, 13 and 17");
    }

    #[test]
    fn properties_that_make_no_sense_are_refused() {
        for (frame, reason) in [
            (&[0x00, 0xaa][..], "the frame has no timestamp"),
            (&[0x02, 0x08, 0x00, 0xaa], "the frame has no timestamp"),
            (&[0x04, 0x08, 0x00, 0x08, 0x01], "the timescale is 0"),
            (
                &[0x80, 0x01, 0x00, 0x01],
                "the properties are larger than 65536 bytes",
            ),
            (
                &[0x03, 0x0d, 0x02, 0x10],
                "the frame ends inside its properties",
            ),
            (
                &[
                    11, 0x08, 0x01, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                ],
                "the timestamp is out of range",
            ),
        ] {
            assert_eq!(read(frame), Err(Error::Loc(reason)));
        }
    }

    #[test]
    fn a_frame_that_ends_inside_its_properties_is_refused() {
        for size in 0..6 {
            assert_eq!(read(&SECOND[..size]), Err(SHORT), "{size}");
        }
        assert_eq!(read(&SECOND[..6]), Ok((1_000_000, vec![])), "a marker");
    }

    #[test]
    fn chunks_may_be_split_anywhere() {
        let frame = Bytes::from_static(SECOND);
        for at in 0..=frame.len() {
            let chunks = vec![frame.slice(..at), frame.slice(at..)];
            let (time, payload) = decode_chunks(chunks).expect("valid");
            assert_eq!(
                (time, payload.concat()),
                (micros(1_000_000), vec![0xaa, 0xbb])
            );
        }
    }
}
