//! Writing values to a buffer.

use std::{borrow::Cow, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};

use super::{BoundsExceeded, VarInt};

/// A value that can be written as bytes; `V` is the version of the protocol.
pub trait Encode<V>: Sized {
    /// Appends the value to `w`.
    ///
    /// # Errors
    /// [`BoundsExceeded`] when a number does not fit its field; what was
    /// written until then is to be thrown away.
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded>;

    /// The value alone, as bytes.
    ///
    /// # Errors
    /// As [`Encode::encode`].
    fn encode_bytes(&self, version: V) -> Result<Bytes, BoundsExceeded> {
        let mut buf = BytesMut::new();
        self.encode(&mut buf, version)?;
        Ok(buf.freeze())
    }
}

impl<V> Encode<V> for u8 {
    fn encode<W: BufMut>(&self, w: &mut W, _: V) -> Result<(), BoundsExceeded> {
        w.put_u8(*self);
        Ok(())
    }
}

impl<V> Encode<V> for u16 {
    fn encode<W: BufMut>(&self, w: &mut W, _: V) -> Result<(), BoundsExceeded> {
        w.put_u16(*self);
        Ok(())
    }
}

impl<V> Encode<V> for i8 {
    fn encode<W: BufMut>(&self, w: &mut W, _: V) -> Result<(), BoundsExceeded> {
        w.put_u8((i16::from(*self) + 128) as u8);
        Ok(())
    }
}

impl<V> Encode<V> for bool {
    fn encode<W: BufMut>(&self, w: &mut W, _: V) -> Result<(), BoundsExceeded> {
        w.put_u8((*self).into());
        Ok(())
    }
}

impl<V> Encode<V> for u32 {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        VarInt::from_u32(*self).encode(w, version)
    }
}

impl<V> Encode<V> for u64 {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        VarInt::try_from(*self)?.encode(w, version)
    }
}

impl<V> Encode<V> for usize {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        VarInt::try_from(*self)?.encode(w, version)
    }
}

impl<V> Encode<V> for Bytes {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.len().encode(w, version)?;
        w.put_slice(self);
        Ok(())
    }
}

impl<V> Encode<V> for Vec<u8> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.len().encode(w, version)?;
        w.put_slice(self);
        Ok(())
    }
}

impl<V> Encode<V> for &str {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.len().encode(w, version)?;
        w.put_slice(self.as_bytes());
        Ok(())
    }
}

impl<V> Encode<V> for String {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.as_str().encode(w, version)
    }
}

impl<V> Encode<V> for Cow<'_, str> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.as_ref().encode(w, version)
    }
}

impl<V: Clone, T: Encode<V>> Encode<V> for &[T] {
    /// The number of items, then each.
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.len().encode(w, version.clone())?;
        self.iter()
            .try_for_each(|item| item.encode(w, version.clone()))
    }
}

impl<V, T: Encode<V>> Encode<V> for Arc<T> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        (**self).encode(w, version)
    }
}
