//! A bidirectional stream.

use web_transport_trait::Session;

use super::{Reader, Writer};
use crate::moq_lite::Error;

/// Both halves of a bidirectional stream.
pub struct Stream<S: Session, V> {
    /// The sending half.
    pub writer: Writer<S::SendStream, V>,
    /// The receiving half.
    pub reader: Reader<S::RecvStream, V>,
}

impl<S: Session, V> Stream<S, V> {
    /// Opens a stream; waits while the peer allows no more. As cancel safe as the
    /// transport, which over QUIC it is.
    ///
    /// # Errors
    /// When the session ended.
    pub async fn open(session: &S, version: V) -> Result<Self, Error>
    where
        V: Clone,
    {
        let halves = session.open_bi().await.map_err(Error::from_transport)?;
        Ok(Self::from_halves(halves, version))
    }

    /// Waits for a stream of the peer. As cancel safe as the transport, which over QUIC
    /// it is.
    ///
    /// # Errors
    /// When the session ended.
    pub async fn accept(session: &S, version: V) -> Result<Self, Error>
    where
        V: Clone,
    {
        let halves = session.accept_bi().await.map_err(Error::from_transport)?;
        Ok(Self::from_halves(halves, version))
    }

    /// Goes on in another version.
    pub fn with_version<O: Clone>(self, version: O) -> Stream<S, O> {
        Stream {
            writer: self.writer.with_version(version.clone()),
            reader: self.reader.with_version(version),
        }
    }

    /// Refuses with the codes of another table than [`Error::to_code`].
    pub(crate) fn with_codes(self, codes: fn(&Error) -> u32) -> Self {
        Self {
            writer: self.writer.with_codes(codes),
            reader: self.reader.with_codes(codes),
        }
    }

    /// Refuses the stream: resets one half and stops the other.
    pub(crate) fn abort(&mut self, err: &Error) {
        self.writer.abort(err);
        self.reader.abort(err);
    }

    fn from_halves((send, recv): (S::SendStream, S::RecvStream), version: V) -> Self
    where
        V: Clone,
    {
        Self {
            writer: Writer::new(send, version.clone()),
            reader: Reader::new(recv, version),
        }
    }
}
