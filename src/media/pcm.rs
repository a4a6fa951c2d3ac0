//! Sound that is not coded: interleaved floats of 32 bits, least significant byte first.

use bytes::{BufMut, Bytes, BytesMut};

/// The codec string.
pub const CODEC: &str = "pcm";

/// The bytes of a sample of one channel.
pub const SAMPLE_SIZE: u64 = 4;

/// Integers of 16 bits, least significant byte first, as floats. Nothing is lost. A byte too many is
/// left out.
pub fn from_s16(samples: &[u8]) -> Bytes {
    let mut floats = BytesMut::with_capacity(samples.len() * 2);
    for sample in samples.as_chunks().0 {
        floats.put_f32_le(f32::from(i16::from_le_bytes(*sample)) / 32_768.0);
    }
    floats.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_has_its_float() {
        let samples = [i16::MIN, -1, 0, 1, i16::MAX];
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let floats = from_s16(&bytes);
        let back: Vec<i16> = floats
            .as_chunks()
            .0
            .iter()
            .map(|float| (f32::from_le_bytes(*float) * 32_768.0) as i16)
            .collect();
        assert_eq!(back, samples);
        assert_eq!(from_s16(&bytes[..3]).len(), 4);
    }
}
