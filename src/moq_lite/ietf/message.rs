//! The frame around every control message, and the notation for plain ones.

use std::fmt::Debug;

use bytes::{Buf, BufMut, BytesMut};

use super::Version;
use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// A control message: on the wire its number, a 16-bit length and its body.
///
/// [`Encode`] and [`Decode`] are about the length and the body; the number is
/// read before, to know what follows.
pub trait Message: Sized + Debug {
    /// The number in front of the length.
    const ID: u64;

    /// Writes the body.
    ///
    /// # Errors
    /// When a field does not fit or the fields contradict each other.
    fn encode_msg<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded>;

    /// Reads the body, which is all of `r`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn decode_msg<R: Buf>(r: &mut R, version: Version) -> Result<Self, DecodeError>;
}

impl<T: Message> Encode<Version> for T {
    fn encode<W: BufMut>(&self, w: &mut W, version: Version) -> Result<(), BoundsExceeded> {
        let mut body = BytesMut::new();
        self.encode_msg(&mut body, version)?;
        w.put_u16(body.len().try_into().map_err(|_| BoundsExceeded)?);
        w.put_slice(&body);
        Ok(())
    }
}

impl<T: Message> Decode<Version> for T {
    fn decode<B: Buf>(buf: &mut B, version: Version) -> Result<Self, DecodeError> {
        let size = usize::from(u16::decode(buf, version)?);
        if buf.remaining() < size {
            return Err(DecodeError::Short);
        }
        let mut body = buf.copy_to_bytes(size);
        match Self::decode_msg(&mut body, version) {
            // All of the body is here, so waiting would not help.
            Err(DecodeError::Short) => Err(DecodeError::ExpectedData),
            Ok(_) if body.has_remaining() => Err(DecodeError::Long),
            result => result,
        }
    }
}

/// A message whose fields follow each other in the order of writing. A field
/// is coded by its type, or by the functions of the module after `as`; a final
/// `+ parameters` stands for parameters, none of which are written or kept, and
/// `+ authorized` for those among which there may be tokens.
macro_rules! message {
    (
        $(#[$meta:meta])*
        $name:ident $(<$life:lifetime>)? = $id:literal {
            $($(#[$doc:meta])* $field:ident: $type:ty $(as $codec:ident)?,)*
        } $(+ $parameters:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $(<$life>)? $crate::moq_lite::ietf::Message for $name $(<$life>)? {
            const ID: u64 = $id;

            fn encode_msg<W: bytes::BufMut>(
                &self,
                w: &mut W,
                version: $crate::moq_lite::ietf::Version,
            ) -> Result<(), $crate::moq_lite::coding::BoundsExceeded> {
                $($crate::moq_lite::ietf::message::put!(w, version, self.$field $(, $codec)?);)*
                $($crate::moq_lite::ietf::message::no!($parameters, w, version);)?
                Ok(())
            }

            fn decode_msg<R: bytes::Buf>(
                r: &mut R,
                version: $crate::moq_lite::ietf::Version,
            ) -> Result<Self, $crate::moq_lite::coding::DecodeError> {
                $(let $field = $crate::moq_lite::ietf::message::take!(r, version $(, $codec)?);)*
                $($crate::moq_lite::ietf::message::skip!($parameters, r, version);)?
                Ok(Self { $($field,)* })
            }
        }
    };
}

macro_rules! put {
    ($w:ident, $version:ident, $field:expr) => {
        $crate::moq_lite::coding::Encode::encode(&$field, $w, $version)?
    };
    ($w:ident, $version:ident, $field:expr, $codec:ident) => {
        $crate::moq_lite::ietf::$codec::encode(&$field, $w, $version)?
    };
}

macro_rules! take {
    ($r:ident, $version:ident) => {
        $crate::moq_lite::coding::Decode::decode($r, $version)?
    };
    ($r:ident, $version:ident, $codec:ident) => {
        $crate::moq_lite::ietf::$codec::decode($r, $version)?
    };
}

macro_rules! no {
    ($any:ident, $w:ident, $version:ident) => {
        $crate::moq_lite::coding::Encode::encode(
            &$crate::moq_lite::ietf::Parameters::default(),
            $w,
            $version,
        )?
    };
}

macro_rules! skip {
    (parameters, $r:ident, $version:ident) => {
        <$crate::moq_lite::ietf::Parameters as $crate::moq_lite::coding::Decode<_>>::decode(
            $r, $version,
        )?
    };
    (authorized, $r:ident, $version:ident) => {
        $crate::moq_lite::ietf::token::check(&$crate::moq_lite::coding::Decode::decode(
            $r, $version,
        )?)?
    };
}

pub(super) use {message, no, put, skip, take};
