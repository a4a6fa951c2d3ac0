//! The receiving half of a stream: messages and raw bytes.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use web_transport_trait::RecvStream;

use super::{Decode, DecodeError};
use crate::moq_lite::Error;

/// Reads values of protocol version `V` from a stream.
///
/// Every method is cancel safe: bytes that were received stay buffered until a
/// call returns them.
pub struct Reader<S: RecvStream, V> {
    stream: S,
    buffer: Bytes,
    finished: bool,
    /// The table for the codes of stops.
    codes: fn(&Error) -> u32,
    version: V,
}

impl<S: RecvStream, V> Reader<S, V> {
    /// Wraps a stream of which nothing was read yet.
    pub fn new(stream: S, version: V) -> Self {
        Self {
            stream,
            buffer: Bytes::new(),
            finished: false,
            codes: Error::to_code,
            version,
        }
    }

    /// The next value; waits until all of it arrived.
    ///
    /// # Errors
    /// [`Error::Decode`] when the bytes are no such value or the stream ends
    /// inside it, else why the stream failed.
    pub async fn decode<T: Decode<V> + Debug>(&mut self) -> Result<T, Error>
    where
        V: Clone,
    {
        let (value, rest) = self.parse().await?;
        self.buffer = rest;
        Ok(value)
    }

    /// The next value, or `None` when the stream ended before its first byte.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub async fn decode_maybe<T: Decode<V> + Debug>(&mut self) -> Result<Option<T>, Error>
    where
        V: Clone,
    {
        if self.buffer.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        self.decode().await.map(Some)
    }

    /// The next value, which stays in the stream.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub async fn decode_peek<T: Decode<V> + Debug>(&mut self) -> Result<T, Error>
    where
        V: Clone,
    {
        self.parse().await.map(|(value, _)| value)
    }

    /// At most `max` bytes as they came, or `None` at the end of the stream.
    ///
    /// # Errors
    /// When the stream failed.
    pub async fn read(&mut self, max: usize) -> Result<Option<Bytes>, Error> {
        if self.buffer.is_empty() && !self.fill_some(max).await? {
            return Ok(None);
        }
        Ok(Some(self.buffer.split_to(max.min(self.buffer.len()))))
    }

    /// Exactly `size` bytes, in one piece.
    ///
    /// # Errors
    /// [`DecodeError::Short`] when the stream ends before, else why it failed.
    pub async fn read_exact(&mut self, size: usize) -> Result<Bytes, Error> {
        while self.buffer.len() < size {
            if !self.fill().await? {
                return Err(DecodeError::Short.into());
            }
        }
        Ok(self.buffer.split_to(size))
    }

    /// Drops the next `size` bytes.
    ///
    /// # Errors
    /// As [`Self::read_exact`].
    pub async fn skip(&mut self, mut size: usize) -> Result<(), Error> {
        while size > 0 {
            let skipped = self.read(size).await?.ok_or(DecodeError::Short)?;
            size -= skipped.len();
        }
        Ok(())
    }

    /// Waits for the end of the stream.
    ///
    /// # Errors
    /// [`DecodeError::ExpectedEnd`] when more bytes come instead, else why the
    /// stream failed.
    pub async fn closed(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() && !self.fill().await? {
            Ok(())
        } else {
            Err(DecodeError::ExpectedEnd.into())
        }
    }

    /// Tells the peer to stop sending, with the code of `err`.
    pub fn abort(&mut self, err: &Error) {
        self.stream.stop((self.codes)(err));
    }

    /// Goes on in another version; what is buffered stays.
    pub fn with_version<O>(self, version: O) -> Reader<S, O> {
        Reader {
            stream: self.stream,
            buffer: self.buffer,
            finished: self.finished,
            codes: self.codes,
            version,
        }
    }

    /// Stops with the codes of another table than [`Error::to_code`].
    pub(crate) fn with_codes(mut self, codes: fn(&Error) -> u32) -> Self {
        self.codes = codes;
        self
    }

    async fn parse<T: Decode<V> + Debug>(&mut self) -> Result<(T, Bytes), Error>
    where
        V: Clone,
    {
        loop {
            let mut rest = self.buffer.clone();
            match T::decode(&mut rest, self.version.clone()) {
                Ok(value) => {
                    tracing::trace!(?value, "received");
                    return Ok((value, rest));
                }
                Err(DecodeError::Short) => {
                    drop(rest);
                    if !self.fill().await? {
                        return Err(DecodeError::Short.into());
                    }
                }
                Err(err) => return Err(err.into()),
            }
        }
    }

    async fn fill(&mut self) -> Result<bool, Error> {
        self.fill_some(CHUNK).await
    }

    /// Appends what comes next; `false` at the end of the stream.
    async fn fill_some(&mut self, max: usize) -> Result<bool, Error> {
        if self.finished {
            return Ok(false);
        }
        loop {
            match self.stream.read_chunk(max.clamp(1, CHUNK)).await {
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(Some(chunk)) if self.buffer.is_empty() => {
                    self.buffer = chunk;
                    return Ok(true);
                }
                Ok(Some(chunk)) => {
                    // Only a value that straddles two chunks is copied.
                    let mut joined = std::mem::take(&mut self.buffer)
                        .try_into_mut()
                        .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                    joined.extend_from_slice(&chunk);
                    self.buffer = joined.freeze();
                    return Ok(true);
                }
                Ok(None) => {
                    self.finished = true;
                    return Ok(false);
                }
                Err(err) => return Err(Error::from_transport(err)),
            }
        }
    }
}

/// The most that is taken from the transport at once.
const CHUNK: usize = 64 * 1024;
