//! The variable-length integer of QUIC (RFC 9000, section 16).

use std::fmt;

use bytes::{Buf, BufMut};
use thiserror::Error;

use super::{Decode, DecodeError, Encode};

/// A value is outside the range that its type or its encoding allows.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Error)]
#[error("value out of range")]
pub struct BoundsExceeded;

/// An integer below 2^62, encoded in 1, 2, 4 or 8 bytes.
#[derive(Default, Copy, Clone, Eq, Ord, PartialEq, PartialOrd, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct VarInt(u64);

impl VarInt {
    /// The largest value, 2^62 - 1.
    pub const MAX: Self = Self((1 << 62) - 1);

    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Always fits.
    pub const fn from_u32(x: u32) -> Self {
        Self(x as u64)
    }

    /// `None` above [`VarInt::MAX`].
    pub const fn from_u64(x: u64) -> Option<Self> {
        if x <= Self::MAX.0 {
            Some(Self(x))
        } else {
            None
        }
    }

    /// `None` above [`VarInt::MAX`].
    pub const fn from_u128(x: u128) -> Option<Self> {
        if x <= Self::MAX.0 as u128 {
            Some(Self(x as u64))
        } else {
            None
        }
    }

    /// The plain integer.
    pub const fn into_inner(self) -> u64 {
        self.0
    }

    /// How many bytes the encoding takes: 1, 2, 4 or 8.
    pub const fn size(self) -> usize {
        match self.0 {
            0..=0x3f => 1,
            0x40..=0x3fff => 2,
            0x4000..=0x3fff_ffff => 4,
            _ => 8,
        }
    }
}

impl fmt::Debug for VarInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for VarInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for VarInt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u64::deserialize(deserializer)?;
        Self::try_from(value).map_err(serde::de::Error::custom)
    }
}

macro_rules! widen {
    ($($small:ty),*) => {$(
        impl From<$small> for VarInt {
            fn from(x: $small) -> Self {
                Self(x.into())
            }
        }

        impl TryFrom<VarInt> for $small {
            type Error = BoundsExceeded;

            fn try_from(x: VarInt) -> Result<Self, BoundsExceeded> {
                x.0.try_into().map_err(|_| BoundsExceeded)
            }
        }
    )*};
}

widen!(u8, u16, u32);

impl From<VarInt> for u64 {
    fn from(x: VarInt) -> Self {
        x.0
    }
}

impl From<VarInt> for u128 {
    fn from(x: VarInt) -> Self {
        x.0.into()
    }
}

impl From<VarInt> for usize {
    /// Saturates where a `usize` is smaller than 62 bits.
    fn from(x: VarInt) -> Self {
        Self::try_from(x.0).unwrap_or(Self::MAX)
    }
}

impl TryFrom<u64> for VarInt {
    type Error = BoundsExceeded;

    fn try_from(x: u64) -> Result<Self, BoundsExceeded> {
        Self::from_u64(x).ok_or(BoundsExceeded)
    }
}

impl TryFrom<u128> for VarInt {
    type Error = BoundsExceeded;

    fn try_from(x: u128) -> Result<Self, BoundsExceeded> {
        Self::from_u128(x).ok_or(BoundsExceeded)
    }
}

impl TryFrom<usize> for VarInt {
    type Error = BoundsExceeded;

    fn try_from(x: usize) -> Result<Self, BoundsExceeded> {
        Self::try_from(x as u64)
    }
}

impl<V> Decode<V> for VarInt {
    /// Accepts encodings that are longer than needed, as the RFC asks.
    fn decode<B: Buf>(buf: &mut B, _: V) -> Result<Self, DecodeError> {
        if !buf.has_remaining() {
            return Err(DecodeError::Short);
        }
        let first = buf.get_u8();
        let more = (1usize << (first >> 6)) - 1;
        if buf.remaining() < more {
            return Err(DecodeError::Short);
        }
        let high = u64::from(first & 0x3f) << (8 * more);
        Ok(Self(high | if more == 0 { 0 } else { buf.get_uint(more) }))
    }
}

impl<V> Encode<V> for VarInt {
    fn encode<W: BufMut>(&self, w: &mut W, _: V) -> Result<(), BoundsExceeded> {
        match self.size() {
            1 => w.put_u8(self.0 as u8),
            2 => w.put_u16((0b01 << 14) | self.0 as u16),
            4 => w.put_u32((0b10 << 30) | self.0 as u32),
            _ => w.put_u64((0b11 << 62) | self.0),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_round_trips_at_its_edges() {
        for (value, size) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 4),
            (1 << 30, 8),
            ((1 << 30) - 1, 4),
            (VarInt::MAX.0, 8),
        ] {
            let value = VarInt(value);
            let bytes = value.encode_bytes(()).unwrap();
            assert_eq!(bytes.len(), size);
            assert_eq!(value.size(), size);
            assert_eq!(VarInt::decode(&mut bytes.clone(), ()).unwrap(), value);
            for cut in 0..size {
                let short = VarInt::decode(&mut bytes.slice(..cut), ());
                assert!(matches!(short, Err(DecodeError::Short)));
            }
        }
        assert_eq!(VarInt::from_u64(1 << 62), None);
    }

    #[test]
    fn longer_encodings_are_accepted() {
        let mut bytes: &[u8] = &[0x40, 0x25];
        assert_eq!(VarInt::decode(&mut bytes, ()).unwrap(), VarInt(0x25));
    }
}
