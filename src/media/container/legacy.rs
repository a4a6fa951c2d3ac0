//! The legacy hang container: a varint of microseconds, then the codec payload.
//!
//! The timestamp is the presentation time; frames travel in decode order. A frame whose payload is
//! empty is a marker (end of a group, or a discontinuity) and not a sample.

use bytes::Bytes;

use super::chunks::Chunks;
use crate::{
    media::{Error, Micros},
    moq_lite::coding::{Decode, Encode},
};

/// The header that precedes the payload; write it as the frame's first chunk.
pub fn encode_timestamp(timestamp: Micros) -> Bytes {
    timestamp
        .encode_bytes(())
        .expect("a timestamp is below 2^62")
}

/// Splits a frame into timestamp and payload. The payload is a slice of the frame, not a copy.
pub fn decode(mut frame: Bytes) -> Result<(Micros, Bytes), Error> {
    let size = frame.len();
    let timestamp = Micros::decode(&mut frame, ()).map_err(|_| Error::Timestamp(size))?;
    Ok((timestamp, frame))
}

/// Like [`decode`] for a frame that arrived in several chunks, which are not joined.
///
/// Chunks that held nothing but the header are removed; an empty list is a marker.
pub fn decode_chunks(chunks: Vec<Bytes>) -> Result<(Micros, Vec<Bytes>), Error> {
    let mut chunks = Chunks::from(chunks);
    let size = chunks.len();
    let timestamp = Micros::decode(&mut chunks, ()).map_err(|_| Error::Timestamp(size))?;
    Ok((timestamp, chunks.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(value: u64) -> Micros {
        Micros::new_u64(value).expect("small enough")
    }

    #[test]
    fn the_header_is_a_varint_of_microseconds() {
        assert_eq!(&encode_timestamp(micros(0))[..], [0]);
        assert_eq!(&encode_timestamp(micros(33_333))[..], [0x80, 0, 0x82, 0x35]);
    }

    #[test]
    fn the_payload_is_a_slice_of_the_frame() {
        let frame = Bytes::from_static(&[0x80, 0, 0x82, 0x35, 1, 2, 3]);
        let (timestamp, payload) = decode(frame.clone()).expect("valid");
        assert_eq!((timestamp, &payload[..]), (micros(33_333), &[1, 2, 3][..]));
        assert_eq!(payload.as_ptr(), frame[4..].as_ptr());
    }

    #[test]
    fn a_marker_has_an_empty_payload() {
        let frame = encode_timestamp(micros(7));
        assert_eq!(decode(frame.clone()), Ok((micros(7), Bytes::new())));
        assert_eq!(decode_chunks(vec![frame]), Ok((micros(7), vec![])));
    }

    #[test]
    fn a_frame_that_ends_inside_its_timestamp_is_refused() {
        for size in 0..4 {
            let frame = Bytes::from_static(&[0x80, 0, 0x82, 0x35]).slice(..size);
            assert_eq!(decode(frame.clone()), Err(Error::Timestamp(size)));
            assert_eq!(decode_chunks(vec![frame]), Err(Error::Timestamp(size)));
        }
    }

    #[test]
    fn chunks_may_be_split_anywhere() {
        let frame = Bytes::from_static(&[0x80, 0, 0x82, 0x35, 1, 2, 3, 4, 5, 6, 7, 8]);
        for first in 0..=frame.len() {
            for second in first..=frame.len() {
                let chunks = vec![
                    frame.slice(..first),
                    frame.slice(first..second),
                    frame.slice(second..),
                ];
                let (timestamp, payload) = decode_chunks(chunks).expect("valid");
                assert_eq!(
                    (timestamp, payload.concat()),
                    (micros(33_333), frame[4..].to_vec())
                );
                assert!(payload.iter().all(|chunk| !chunk.is_empty()));
            }
        }
    }
}
