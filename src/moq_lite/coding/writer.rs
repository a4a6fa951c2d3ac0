//! The sending half of a stream: messages and raw bytes.

use std::fmt::Debug;

use bytes::{Buf, Bytes};
use web_transport_trait::SendStream;

use super::Encode;
use crate::moq_lite::Error;

/// Writes values of protocol version `V` to a stream.
///
/// Dropping it without [`Writer::finish`] resets the stream with the code of
/// [`Error::Cancel`].
pub struct Writer<S: SendStream, V> {
    /// `None` only after `with_version` moved it on.
    stream: Option<S>,
    ended: bool,
    /// The table for the codes of resets.
    codes: fn(&Error) -> u32,
    version: V,
}

impl<S: SendStream, V> Writer<S, V> {
    /// Wraps a stream.
    pub fn new(stream: S, version: V) -> Self {
        Self {
            stream: Some(stream),
            ended: false,
            codes: Error::to_code,
            version,
        }
    }

    /// Writes a value. Not cancel safe: a part of it may have been written.
    ///
    /// # Errors
    /// [`Error::BoundsExceeded`] when a field does not fit, else why the
    /// stream failed.
    pub async fn encode<T: Encode<V> + Debug>(&mut self, msg: &T) -> Result<(), Error>
    where
        V: Clone,
    {
        let bytes = msg.encode_bytes(self.version.clone())?;
        tracing::trace!(?msg, "sending");
        self.write_chunk(bytes).await
    }

    /// Writes all of `buf`. Not cancel safe, but `buf` tells how far it came.
    ///
    /// # Errors
    /// When the stream failed.
    pub async fn write_all<B: Buf + Send>(&mut self, buf: &mut B) -> Result<(), Error> {
        while buf.has_remaining() {
            let size = self.stream().write(buf.chunk()).await;
            buf.advance(size.map_err(Error::from_transport)?);
        }
        Ok(())
    }

    /// Writes a chunk without copying it. Not cancel safe.
    ///
    /// # Errors
    /// When the stream failed.
    pub async fn write_chunk(&mut self, chunk: Bytes) -> Result<(), Error> {
        let written = self.stream().write_chunk(chunk).await;
        written.map_err(Error::from_transport)
    }

    /// Ends the stream after what was written.
    ///
    /// # Errors
    /// When the stream is closed already.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.ended = true;
        self.stream().finish().map_err(Error::from_transport)
    }

    /// Resets the stream with the code of `err`; unsent bytes are lost.
    pub fn abort(&mut self, err: &Error) {
        self.ended = true;
        let code = (self.codes)(err);
        self.stream().reset(code);
    }

    /// Waits until the peer acknowledged the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// When the peer stopped reading or the stream failed.
    pub async fn closed(&mut self) -> Result<(), Error> {
        self.stream().closed().await.map_err(Error::from_transport)
    }

    /// Streams of a higher order are sent first.
    pub fn set_priority(&mut self, order: impl Into<i32>) {
        self.stream().set_priority(order.into());
    }

    /// Goes on in another version.
    pub fn with_version<O>(mut self, version: O) -> Writer<S, O> {
        Writer {
            stream: self.stream.take(),
            ended: self.ended,
            codes: self.codes,
            version,
        }
    }

    /// Resets with the codes of another table than [`Error::to_code`].
    pub(crate) fn with_codes(mut self, codes: fn(&Error) -> u32) -> Self {
        self.codes = codes;
        self
    }

    fn stream(&mut self) -> &mut S {
        self.stream
            .as_mut()
            .expect("only with_version takes it, and it takes self")
    }
}

impl<S: SendStream, V> Drop for Writer<S, V> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|_| !self.ended) {
            stream.reset((self.codes)(&Error::Cancel));
        }
    }
}
