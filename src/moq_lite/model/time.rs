//! Media time: a count of ticks whose scale is part of the type.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub, SubAssign},
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use bytes::{Buf, BufMut};
use thiserror::Error;

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode, VarInt};

/// A time does not fit: it would be negative or 2^62 ticks or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("time overflow")]
pub struct TimeOverflow;

/// Time in milliseconds.
pub type Time = Timescale<1_000>;

/// Time in microseconds: when a frame is to be presented.
pub type Timestamp = Timescale<1_000_000>;

/// A time of `SCALE` ticks a second, from 0 to 2^62 - 1 ticks.
///
/// Conversions between scales round towards zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timescale<const SCALE: u64>(VarInt);

impl<const SCALE: u64> Timescale<SCALE> {
    /// The largest time.
    pub const MAX: Self = Self(VarInt::MAX);

    /// The beginning.
    pub const ZERO: Self = Self(VarInt::ZERO);

    /// `value` ticks.
    pub const fn new(value: u32) -> Self {
        Self(VarInt::from_u32(value))
    }

    /// `value` ticks.
    ///
    /// # Errors
    /// From 2^62 ticks.
    pub const fn new_u64(value: u64) -> Result<Self, TimeOverflow> {
        match VarInt::from_u64(value) {
            Some(value) => Ok(Self(value)),
            None => Err(TimeOverflow),
        }
    }

    /// Whole seconds.
    ///
    /// # Errors
    /// When the result does not fit.
    pub const fn from_secs(seconds: u64) -> Result<Self, TimeOverflow> {
        Self::from_scale(seconds, 1)
    }

    /// As [`Self::from_secs`] for constants.
    ///
    /// # Panics
    /// When the result does not fit.
    pub const fn from_secs_unchecked(seconds: u64) -> Self {
        Self::from_scale_unchecked(seconds, 1)
    }

    /// Milliseconds.
    ///
    /// # Errors
    /// When the result does not fit.
    pub const fn from_millis(millis: u64) -> Result<Self, TimeOverflow> {
        Self::from_scale(millis, 1_000)
    }

    /// As [`Self::from_millis`] for constants.
    ///
    /// # Panics
    /// When the result does not fit.
    pub const fn from_millis_unchecked(millis: u64) -> Self {
        Self::from_scale_unchecked(millis, 1_000)
    }

    /// Microseconds.
    ///
    /// # Errors
    /// When the result does not fit.
    pub const fn from_micros(micros: u64) -> Result<Self, TimeOverflow> {
        Self::from_scale(micros, 1_000_000)
    }

    /// As [`Self::from_micros`] for constants.
    ///
    /// # Panics
    /// When the result does not fit.
    pub const fn from_micros_unchecked(micros: u64) -> Self {
        Self::from_scale_unchecked(micros, 1_000_000)
    }

    /// Nanoseconds.
    ///
    /// # Errors
    /// When the result does not fit.
    pub const fn from_nanos(nanos: u64) -> Result<Self, TimeOverflow> {
        Self::from_scale(nanos, 1_000_000_000)
    }

    /// As [`Self::from_nanos`] for constants.
    ///
    /// # Panics
    /// When the result does not fit.
    pub const fn from_nanos_unchecked(nanos: u64) -> Self {
        Self::from_scale_unchecked(nanos, 1_000_000_000)
    }

    /// `value` ticks of `scale` a second.
    ///
    /// # Errors
    /// When the result does not fit, or `scale` is 0.
    pub const fn from_scale(value: u64, scale: u64) -> Result<Self, TimeOverflow> {
        Self::from_scale_u128(value as u128, scale)
    }

    /// `value` ticks of `scale` a second.
    ///
    /// # Errors
    /// When the result does not fit, or `scale` is 0.
    pub const fn from_scale_u128(value: u128, scale: u64) -> Result<Self, TimeOverflow> {
        let Some(product) = value.checked_mul(SCALE as u128) else {
            return Err(TimeOverflow);
        };
        let Some(ticks) = product.checked_div(scale as u128) else {
            return Err(TimeOverflow);
        };
        match VarInt::from_u128(ticks) {
            Some(ticks) => Ok(Self(ticks)),
            None => Err(TimeOverflow),
        }
    }

    /// As [`Self::from_scale`] for constants.
    ///
    /// # Panics
    /// When the result does not fit, or `scale` is 0.
    pub const fn from_scale_unchecked(value: u64, scale: u64) -> Self {
        match Self::from_scale(value, scale) {
            Ok(time) => time,
            Err(TimeOverflow) => panic!("time overflow"),
        }
    }

    /// Whole seconds.
    pub const fn as_secs(self) -> u64 {
        match self.0.into_inner().checked_div(SCALE) {
            Some(seconds) => seconds,
            None => 0,
        }
    }

    /// Whole milliseconds.
    pub const fn as_millis(self) -> u128 {
        self.as_scale(1_000)
    }

    /// Whole microseconds.
    pub const fn as_micros(self) -> u128 {
        self.as_scale(1_000_000)
    }

    /// Whole nanoseconds.
    pub const fn as_nanos(self) -> u128 {
        self.as_scale(1_000_000_000)
    }

    /// Whole ticks of `scale` a second.
    pub const fn as_scale(self, scale: u64) -> u128 {
        match (self.0.into_inner() as u128 * scale as u128).checked_div(SCALE as u128) {
            Some(ticks) => ticks,
            None => 0,
        }
    }

    /// The later of the two.
    pub const fn max(self, other: Self) -> Self {
        if other.0.into_inner() > self.0.into_inner() {
            other
        } else {
            self
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// When it does not fit.
    pub const fn checked_add(self, rhs: Self) -> Result<Self, TimeOverflow> {
        Self::new_u64(self.0.into_inner() + rhs.0.into_inner())
    }

    /// The difference.
    ///
    /// # Errors
    /// When `rhs` is later.
    pub const fn checked_sub(self, rhs: Self) -> Result<Self, TimeOverflow> {
        match self.0.into_inner().checked_sub(rhs.0.into_inner()) {
            Some(ticks) => Self::new_u64(ticks),
            None => Err(TimeOverflow),
        }
    }

    /// Whether this is [`Self::ZERO`].
    pub const fn is_zero(self) -> bool {
        self.0.into_inner() == 0
    }

    /// The present as Unix time, on a clock that never goes back and that
    /// stands still where tokio's time is paused.
    pub fn now() -> Self {
        tokio::time::Instant::now().into()
    }

    /// The same time in another scale.
    ///
    /// # Errors
    /// When it does not fit.
    pub const fn convert<const NEW_SCALE: u64>(self) -> Result<Timescale<NEW_SCALE>, TimeOverflow> {
        Timescale::<NEW_SCALE>::from_scale(self.0.into_inner(), SCALE)
    }
}

impl<const SCALE: u64> fmt::Debug for Timescale<SCALE> {
    /// In the largest unit that leaves no remainder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        for (unit, name) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")] {
            if nanos.is_multiple_of(unit) {
                return write!(f, "{}{name}", nanos / unit);
            }
        }
        write!(f, "{nanos}ns")
    }
}

impl<const SCALE: u64> TryFrom<Duration> for Timescale<SCALE> {
    type Error = TimeOverflow;

    fn try_from(duration: Duration) -> Result<Self, TimeOverflow> {
        Self::from_scale_u128(duration.as_nanos(), 1_000_000_000)
    }
}

impl<const SCALE: u64> From<Timescale<SCALE>> for Duration {
    fn from(time: Timescale<SCALE>) -> Self {
        let nanos = (time.as_nanos() % 1_000_000_000) as u32;
        Self::new(time.as_secs(), nanos)
    }
}

impl<const SCALE: u64> From<Instant> for Timescale<SCALE> {
    /// Unix time; the ends of the range where it does not fit.
    fn from(instant: Instant) -> Self {
        static ANCHOR: LazyLock<(Instant, Duration)> = LazyLock::new(|| {
            let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            (Instant::now(), unix.unwrap_or_default())
        });
        let (anchor, unix) = *ANCHOR;
        let time = match instant.checked_duration_since(anchor) {
            Some(later) => unix.saturating_add(later),
            None => unix.saturating_sub(anchor - instant),
        };
        Self::try_from(time).unwrap_or(Self::MAX)
    }
}

impl<const SCALE: u64> From<tokio::time::Instant> for Timescale<SCALE> {
    fn from(instant: tokio::time::Instant) -> Self {
        instant.into_std().into()
    }
}

impl<const SCALE: u64> Add for Timescale<SCALE> {
    type Output = Self;

    /// # Panics
    /// When the sum does not fit; [`Timescale::checked_add`] does not.
    fn add(self, rhs: Self) -> Self {
        self.checked_add(rhs).expect("time overflow")
    }
}

impl<const SCALE: u64> Sub for Timescale<SCALE> {
    type Output = Self;

    /// # Panics
    /// When `rhs` is later; [`Timescale::checked_sub`] does not.
    fn sub(self, rhs: Self) -> Self {
        self.checked_sub(rhs).expect("time overflow")
    }
}

impl<const SCALE: u64> AddAssign for Timescale<SCALE> {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl<const SCALE: u64> SubAssign for Timescale<SCALE> {
    fn sub_assign(&mut self, rhs: Self) {
        *self = *self - rhs;
    }
}

impl<V, const SCALE: u64> Decode<V> for Timescale<SCALE> {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        VarInt::decode(buf, version).map(Self)
    }
}

impl<V, const SCALE: u64> Encode<V> for Timescale<SCALE> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.0.encode(w, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_round_towards_zero() {
        assert_eq!(Time::from_micros(1_234).unwrap(), Time::new(1));
        let micros = Timescale::<1_000_000>::new(1_999);
        assert_eq!(micros.convert::<1_000>().unwrap(), Time::new(1));
        assert_eq!(micros.as_millis(), 1);
        assert_eq!(Duration::from(micros), Duration::from_micros(1_999));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(Time::new_u64(1 << 62), Err(TimeOverflow));
        assert_eq!(Time::from_secs(u64::MAX), Err(TimeOverflow));
        assert_eq!(Time::from_scale(1, 0), Err(TimeOverflow));
        assert_eq!(Time::MAX.checked_add(Time::new(1)), Err(TimeOverflow));
        assert_eq!(Time::ZERO.checked_sub(Time::new(1)), Err(TimeOverflow));
        assert_eq!(Time::MAX.convert::<1_000_000>(), Err(TimeOverflow));
    }

    #[test]
    fn the_debug_form_uses_the_largest_whole_unit() {
        assert_eq!(format!("{:?}", Time::new(100_000)), "100s");
        assert_eq!(format!("{:?}", Time::new(5_500)), "5500ms");
        assert_eq!(
            format!("{:?}", Timescale::<1_000_000>::new(1_500)),
            "1500µs"
        );
        assert_eq!(format!("{:?}", Time::ZERO), "0s");
    }
}
