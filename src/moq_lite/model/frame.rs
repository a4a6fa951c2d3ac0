//! A frame: one blob whose size is known before its bytes.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::{
    Produce, Timestamp,
    cell::{Consumer, Content, Producer, Shared},
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

/// The pieces of a frame; two fit without an allocation.
pub(super) type Chunks = SmallVec<[Bytes; 2]>;

#[derive(Default)]
pub(super) struct FrameState {
    chunks: Chunks,
    written: u64,
}

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
    /// Appends a chunk; it is not copied.
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
        let fits = self.state.modify(|state| {
            chunks.into_iter().all(|chunk| {
                let written = state.written.saturating_add(chunk.len() as u64);
                let fits = written <= size;
                if fits {
                    state.written = written;
                    if !chunk.is_empty() {
                        state.chunks.push(chunk);
                    }
                }
                fits
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
        let complete = self.state.modify(|state| state.written)? == self.info.size;
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

    pub(super) fn share(&self) -> Shared<FrameState> {
        self.state.share()
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
    /// Chunks that were read.
    read: usize,
}

#[derive(Clone)]
enum Source {
    Whole(Chunks),
    Live(Consumer<FrameState>),
}

impl FrameConsumer {
    pub(super) fn live(info: Frame, stamp: Stamp, state: Consumer<FrameState>) -> Self {
        Self {
            info,
            stamp,
            source: Source::Live(state),
            read: 0,
        }
    }

    pub(super) fn whole(chunks: Chunks, stamp: Stamp) -> Self {
        Self {
            info: Frame::from(chunks.iter().map(Bytes::len).sum::<usize>()),
            stamp,
            source: Source::Whole(chunks),
            read: 0,
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
        let read = self.read;
        let chunk = match &self.source {
            Source::Whole(chunks) => chunks.get(read).cloned(),
            Source::Live(state) => {
                state
                    .next(|frame| frame.chunks.get(read).cloned().map(Ok))
                    .await?
            }
        };
        self.read += usize::from(chunk.is_some());
        Ok(chunk)
    }

    /// The chunks that this handle has not read, once the frame is complete.
    /// Empty after that. Cancel safe.
    ///
    /// # Errors
    /// Why the frame was aborted, even when chunks are there.
    pub async fn read_chunks(&mut self) -> Result<Vec<Bytes>> {
        let chunks: Vec<_> = match &self.source {
            Source::Whole(chunks) => chunks[self.read..].to_vec(),
            Source::Live(state) => {
                state.ended().await?;
                let read = self.read;
                state.share().peek(|frame| frame.chunks[read..].to_vec())
            }
        };
        self.read += chunks.len();
        Ok(chunks)
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
    pub(super) fn into_slot(self) -> super::group::Slot {
        let body = match self.source {
            Source::Whole(chunks) => super::group::Body::Whole(chunks),
            Source::Live(state) => super::group::Body::Live(self.info, state.share()),
        };
        super::group::Slot {
            stamp: self.stamp,
            body,
        }
    }
}
