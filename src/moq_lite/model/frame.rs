//! A frame: one blob whose size is known before its bytes.

use std::{slice, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{
    Produce, Timestamp,
    cell::{Consumer, Content, Producer, Shared},
    chunks::{Chunks, Pieces, Place, gather},
    stamp::Stamp,
};
use crate::moq_lite::{Error, Result};

/// The size of a frame, in bytes.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Frame {
    /// Bytes of payload.
    pub size: u64,
}

impl Frame {
    /// A frame that belongs to no group yet.
    pub fn produce(self) -> Produce<FrameProducer, FrameConsumer> {
        let producer = FrameProducer::from(self);
        let consumer = producer.consume();
        Produce { producer, consumer }
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Frame {
            fn from(size: $integer) -> Self {
                Self { size: size as u64 }
            }
        }
    )*};
}

from_integers!(u16, u32, u64, usize);

#[derive(Default)]
pub(super) struct FrameState(Chunks);

impl Content for FrameState {}

/// Writes the chunks of a frame. Clones write to the same frame.
#[derive(Clone)]
pub struct FrameProducer {
    /// The size that was announced.
    pub info: Frame,
    stamp: Stamp,
    state: Producer<FrameState>,
}

impl FrameProducer {
    /// Appends a chunk. It is not copied, unless the frame consists of more than
    /// two chunks of less than 1 KiB on average: those are put together.
    ///
    /// # Errors
    /// [`Error::WrongSize`] when the frame would become larger than announced,
    /// which also ends the frame with that error; the reason of the end when
    /// the frame has ended.
    pub fn write_chunk<B: Into<Bytes>>(&mut self, chunk: B) -> Result<()> {
        self.write_chunks([chunk.into()])
    }

    /// Appends several chunks; readers see them all at once.
    ///
    /// # Errors
    /// As [`Self::write_chunk`].
    pub fn write_chunks(&mut self, chunks: impl IntoIterator<Item = Bytes>) -> Result<()> {
        let size = self.info.size;
        let fits = self.state.modify(|FrameState(written)| {
            chunks.into_iter().all(|chunk| {
                let rest = (size - written.size()).checked_sub(chunk.len() as u64);
                rest.inspect(|rest| written.push(chunk, *rest)).is_some()
            })
        })?;
        if fits {
            Ok(())
        } else {
            self.state.end(Err(Error::WrongSize));
            Err(Error::WrongSize)
        }
    }

    /// Ends the frame.
    ///
    /// # Errors
    /// [`Error::WrongSize`] when bytes are missing, which is what readers get too.
    pub fn close(self) -> Result<()> {
        let complete = self.state.modify(|FrameState(written)| {
            written.finish();
            written.size() == self.info.size
        })?;
        let end = if complete {
            Ok(())
        } else {
            Err(Error::WrongSize)
        };
        self.state.end(end.clone());
        end
    }

    /// Ends the frame with an error.
    pub fn abort(self, err: Error) {
        self.state.end(Err(err));
    }

    /// A reader that starts at the first chunk.
    pub fn consume(&self) -> FrameConsumer {
        FrameConsumer::live(self.info.clone(), self.stamp, self.state.consume())
    }

    /// Resolves when the frame has no reader. Cancel safe.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        self.state.unused()
    }

    pub(super) fn new(info: Frame, stamp: Stamp) -> Self {
        let state = Producer::new(FrameState::default());
        Self { info, stamp, state }
    }

    /// What a group keeps of this frame.
    pub(super) fn body(&self) -> Body {
        Body::Other(Arc::new(Other::Live(self.info.clone(), self.state.share())))
    }
}

impl From<Frame> for FrameProducer {
    fn from(info: Frame) -> Self {
        Self::new(info, Stamp::now())
    }
}

/// Reads the chunks of a frame. A clone goes on from the same place.
#[derive(Clone)]
pub struct FrameConsumer {
    /// The size that was announced.
    pub info: Frame,
    stamp: Stamp,
    source: Source,
    read: Place,
}

#[derive(Clone)]
enum Source {
    Whole(Body),
    Live(Consumer<FrameState>),
}

impl FrameConsumer {
    fn live(info: Frame, stamp: Stamp, state: Consumer<FrameState>) -> Self {
        Self {
            info,
            stamp,
            source: Source::Live(state),
            read: Place::default(),
        }
    }

    /// A reader of what a group keeps.
    pub(super) fn new(body: Body, stamp: Stamp) -> Self {
        if let Body::Other(other) = &body
            && let Other::Live(info, state) = &**other
        {
            return Self::live(info.clone(), stamp, state.consume());
        }
        Self {
            info: Frame { size: body.size() },
            stamp,
            source: Source::Whole(body),
            read: Place::default(),
        }
    }

    /// When the frame is to be presented, if its producer said so.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.stamp.timestamp()
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The next chunk, or `None` at the end of the frame. Cancel safe.
    ///
    /// # Errors
    /// Why the frame was aborted, after every chunk written before.
    pub async fn read_chunk(&mut self) -> Result<Option<Bytes>> {
        let place = &mut self.read;
        match &self.source {
            Source::Whole(body) => Ok(place.next(body.pieces())),
            Source::Live(state) => {
                let next = |FrameState(written): &mut FrameState| written.next(place).map(Ok);
                state.next(next).await
            }
        }
    }

    /// The chunks that this handle has not read, once the frame is complete.
    /// Empty after that. Cancel safe.
    ///
    /// # Errors
    /// Why the frame was aborted, even when chunks are there.
    pub async fn read_chunks(&mut self) -> Result<Vec<Bytes>> {
        let place = &mut self.read;
        match &self.source {
            Source::Whole(body) => {
                let pieces = body.pieces();
                Ok(std::iter::from_fn(|| place.next(pieces)).collect())
            }
            Source::Live(state) => {
                state.ended().await?;
                Ok(state
                    .share()
                    .peek(|FrameState(written)| written.rest(place)))
            }
        }
    }

    /// As [`Self::read_chunks`] in one piece, which is copied only when there
    /// are several chunks. Cancel safe.
    ///
    /// # Errors
    /// As [`Self::read_chunks`].
    pub async fn read_all(&mut self) -> Result<Bytes> {
        let mut chunks = self.read_chunks().await?;
        if chunks.len() < 2 {
            return Ok(chunks.pop().unwrap_or_default());
        }
        let mut joined = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
        chunks
            .iter()
            .for_each(|chunk| joined.extend_from_slice(chunk));
        Ok(joined.freeze())
    }

    /// What a group keeps of this frame.
    pub(super) fn into_body(self) -> Body {
        match self.source {
            Source::Whole(body) => body,
            Source::Live(state) => Body::Other(Arc::new(Other::Live(self.info, state.share()))),
        }
    }
}

/// What a group keeps of a frame. As large as a handle to its bytes, which for most
/// frames is all there is.
#[derive(Clone)]
pub(super) enum Body {
    /// Complete and in one piece.
    One(Bytes),
    Other(Arc<Other>),
}

pub(super) enum Other {
    /// Complete.
    Several(Pieces),
    Live(Frame, Shared<FrameState>),
}

impl Body {
    /// A complete frame.
    pub(super) fn whole(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let mut chunks = chunks.into_iter();
        let first = chunks.next().unwrap_or_default();
        let Some(second) = chunks.next() else {
            return Self::One(first);
        };
        let mut pieces = gather([first, second].into_iter().chain(chunks));
        if pieces.len() > 1 {
            Self::Other(Arc::new(Other::Several(pieces)))
        } else {
            Self::One(pieces.pop().unwrap_or_default())
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Other(other) => match &**other {
                Other::Several(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum(),
                Other::Live(info, _) => info.size,
            },
            Self::One(piece) => piece.len() as u64,
        }
    }

    /// Ends a frame that is still being written.
    pub(super) fn end(&self, err: Error) {
        if let Self::Other(other) = self
            && let Other::Live(_, state) = &**other
        {
            state.end(Err(err));
        }
    }

    /// The bytes, unless they are still being written.
    fn pieces(&self) -> &[Bytes] {
        match self {
            Self::One(piece) => slice::from_ref(piece),
            Self::Other(other) => match &**other {
                Other::Several(pieces) => pieces,
                Other::Live(..) => &[],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_frames_cost_their_handle_only() {
        assert_eq!(size_of::<Body>(), size_of::<Bytes>());
    }
}
