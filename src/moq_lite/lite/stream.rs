//! The numbers with which streams begin.

use bytes::{Buf, BufMut};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

macro_rules! stream_types {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $id:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u64)]
        pub enum $name {
            $($(#[$doc])* $variant = $id,)*
        }

        impl TryFrom<u64> for $name {
            type Error = DecodeError;

            fn try_from(id: u64) -> Result<Self, DecodeError> {
                match id {
                    $($id => Ok(Self::$variant),)*
                    _ => Err(DecodeError::InvalidMessage(id)),
                }
            }
        }

        impl From<$name> for u64 {
            fn from(kind: $name) -> Self {
                kind as Self
            }
        }

        impl<V> Decode<V> for $name {
            fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
                u64::decode(buf, version)?.try_into()
            }
        }

        impl<V> Encode<V> for $name {
            fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
                u64::from(*self).encode(w, version)
            }
        }
    };
}

stream_types! {
    /// The first number on a bidirectional stream.
    ControlType {
        /// SETUP, then [`super::SessionInfo`]. Not written: SETUP has its own number.
        Session = 0x0,
        /// [`super::AnnouncePlease`] and its answers.
        Announce = 0x1,
        /// [`super::Subscribe`], its updates and its answers.
        Subscribe = 0x2,
        /// [`super::Fetch`] and frames.
        Fetch = 0x3,
        /// [`super::Probe`] as the answer to the mere opening.
        Probe = 0x4,
        /// [`super::Goaway`].
        Goaway = 0x5,
        /// [`super::TrackRequest`] and its answer.
        Track = 0x6,
    }
}

stream_types! {
    /// The first number on a unidirectional stream.
    DataType {
        /// [`super::Group`] and its frames.
        Group = 0x0,
        /// [`super::Setup`].
        Setup = 0x1,
    }
}
