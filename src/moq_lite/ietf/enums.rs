//! Fields that have a few known values.

use bytes::{Buf, BufMut};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

macro_rules! values {
    ($(#[$meta:meta])* $name:ident: $number:ty { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant = $value,)*
        }

        impl TryFrom<$number> for $name {
            type Error = DecodeError;

            fn try_from(value: $number) -> Result<Self, DecodeError> {
                match value {
                    $($value => Ok(Self::$variant),)*
                    _ => Err(DecodeError::InvalidValue),
                }
            }
        }

        impl From<$name> for $number {
            fn from(value: $name) -> Self {
                value as Self
            }
        }

        impl<V> Decode<V> for $name {
            fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
                <$number>::decode(buf, version)?.try_into()
            }
        }

        impl<V> Encode<V> for $name {
            fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
                <$number>::from(*self).encode(w, version)
            }
        }
    };
}

values! {
    /// The order in which groups are wanted or sent.
    #[repr(u8)]
    GroupOrder: u8 {
        /// As the publisher likes. Only in requests.
        Any = 0,
        /// The oldest first.
        Ascending = 1,
        /// The newest first.
        Descending = 2,
    }
}

values! {
    /// From where on a subscription wants objects.
    #[repr(u64)]
    FilterType: u64 {
        /// From the start of the next group.
        NextGroup = 1,
        /// From the next object.
        LargestObject = 2,
        /// From a location.
        AbsoluteStart = 3,
        /// From a location to the end of a group.
        AbsoluteRange = 4,
    }
}

values! {
    /// How it stands with a track.
    #[repr(u64)]
    TrackStatusCode: u64 {
        /// It goes on.
        InProgress = 0,
        /// There is no such track.
        NotFound = 1,
        /// The peer may not have it.
        NotAuthorized = 2,
        /// It has ended.
        Ended = 3,
    }
}
