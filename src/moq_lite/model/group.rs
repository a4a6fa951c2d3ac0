//! A group: frames that are delivered in order and decoded together.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    Frame, FrameConsumer, FrameProducer, Produce, Timestamp,
    budget::Budget,
    cell::{Consumer, Content, Producer, Shared},
    frame::Body,
    stamp::Stamp,
};
use crate::moq_lite::{Error, Result, coding::VarInt};

/// The place of a group in its track.
#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// Rises from group to group; gaps are legal. Below 2^62.
    pub sequence: u64,
}

impl Group {
    /// The most frames that one group may have.
    pub const MAX_FRAMES: usize = 8192;

    /// The most bytes that the frames of one group may have together.
    pub const MAX_BYTES: u64 = 32 * 1024 * 1024;

    /// A group that belongs to no track yet.
    pub fn produce(self) -> Produce<GroupProducer, GroupConsumer> {
        let producer = GroupProducer::from(self);
        let consumer = producer.consume();
        Produce { producer, consumer }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.sequence <= VarInt::MAX.into_inner()
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Group {
            fn from(sequence: $integer) -> Self {
                Self { sequence: sequence as u64 }
            }
        }
    )*};
}

from_integers!(u16, u32, u64, usize);

/// A frame as a group keeps it.
#[derive(Clone)]
struct Slot {
    stamp: Stamp,
    body: Body,
}

impl From<Slot> for FrameConsumer {
    fn from(Slot { stamp, body }: Slot) -> Self {
        Self::new(body, stamp)
    }
}

#[derive(Default)]
pub(super) struct GroupState {
    frames: Vec<Slot>,
    bytes: u64,
    /// Frames that were let go when the group became too old to keep.
    expired: usize,
    /// The track let the group go.
    is_old: bool,
    /// The tracks in which this is an older group; mostly one.
    budgets: SmallVec<[Arc<Budget>; 1]>,
}

impl Content for GroupState {}

impl GroupState {
    /// The tracks that have become too large by this frame.
    #[inline]
    fn push(&mut self, slot: Slot) -> Result<Vec<Arc<Budget>>> {
        let size = slot.body.size();
        let bytes = self.bytes.saturating_add(size);
        if self.is_old {
            return Err(Error::Old);
        }
        if bytes > Group::MAX_BYTES || self.frames.len() >= Group::MAX_FRAMES {
            return Err(Error::TooLarge);
        }
        self.bytes = bytes;
        self.frames.push(slot);
        let mut exceeded = Vec::new();
        for budget in &self.budgets {
            if budget.add(size) {
                exceeded.push(budget.clone());
            }
        }
        Ok(exceeded)
    }

    /// A frame that is complete and in one piece.
    #[inline]
    fn piece(&self, index: usize) -> Option<Bytes> {
        match &self.frames.get(index)?.body {
            Body::One(piece) => Some(piece.clone()),
            Body::Other(_) => None,
        }
    }

    fn slot(&self, index: usize) -> Option<Result<Slot>> {
        if index < self.expired {
            return Some(Err(Error::Old));
        }
        self.frames.get(index).cloned().map(Ok)
    }
}

/// Writes the frames of a group. Clones write to the same group.
#[derive(Clone)]
pub struct GroupProducer {
    /// The place of the group in its track.
    pub info: Group,
    state: Producer<GroupState>,
}

impl GroupProducer {
    /// Appends a complete frame; it is not copied.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`Group::MAX_FRAMES`] or [`Group::MAX_BYTES`],
    /// [`Error::Old`] when the track no longer keeps this group, the reason of
    /// the end when the group has ended.
    pub fn write_frame<B: Into<Bytes>>(&mut self, frame: B) -> Result<()> {
        self.write_frame_chunks([frame.into()])
    }

    /// Appends a complete frame that lies in several pieces. None is copied, unless
    /// they are more than two of less than 1 KiB on average: those are put together.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_frame_chunks(&mut self, chunks: impl IntoIterator<Item = Bytes>) -> Result<()> {
        self.push_whole(chunks, Stamp::now())
    }

    /// As [`Self::write_frame_chunks`], with the time at which the frame is to be
    /// presented. Frames without one count as of when they were written.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_frame_at(
        &mut self,
        time: Timestamp,
        chunks: impl IntoIterator<Item = Bytes>,
    ) -> Result<()> {
        self.push_whole(chunks, Stamp::at(time))
    }

    /// Appends a frame whose bytes follow.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn create_frame(&mut self, info: Frame) -> Result<FrameProducer> {
        self.push_live(info, Stamp::now())
    }

    /// As [`Self::create_frame`], with the time at which the frame is to be
    /// presented.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn create_frame_at(&mut self, time: Timestamp, info: Frame) -> Result<FrameProducer> {
        self.push_live(info, Stamp::at(time))
    }

    /// Appends a frame that is written elsewhere, from its first chunk on.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn append_frame(&mut self, consumer: FrameConsumer) -> Result<()> {
        let stamp = consumer.stamp();
        let body = consumer.into_body();
        self.push(Slot { stamp, body })
    }

    /// Ends the group.
    pub fn close(self) {
        self.state.end(Ok(()));
    }

    /// Ends the group with an error.
    pub fn abort(self, err: Error) {
        self.state.end(Err(err));
    }

    /// A reader that starts at the first frame.
    pub fn consume(&self) -> GroupConsumer {
        GroupConsumer::new(self.info.clone(), self.state.consume())
    }

    /// Resolves when the group has no reader. Cancel safe.
    pub fn unused(&self) -> impl Future<Output = ()> + use<> {
        self.state.unused()
    }

    pub(super) fn share(&self) -> SharedGroup {
        SharedGroup {
            info: self.info.clone(),
            state: self.state.share(),
        }
    }

    #[inline]
    fn push_whole(&mut self, chunks: impl IntoIterator<Item = Bytes>, stamp: Stamp) -> Result<()> {
        let body = Body::whole(chunks);
        self.push(Slot { stamp, body })
    }

    fn push_live(&mut self, info: Frame, stamp: Stamp) -> Result<FrameProducer> {
        let frame = FrameProducer::new(info, stamp);
        let body = frame.body();
        self.push(Slot { stamp, body })?;
        Ok(frame)
    }

    #[inline]
    fn push(&mut self, slot: Slot) -> Result<()> {
        let exceeded = self.state.modify(|group| group.push(slot))??;
        for budget in exceeded {
            budget.enforce();
        }
        Ok(())
    }
}

impl From<Group> for GroupProducer {
    fn from(info: Group) -> Self {
        let state = Producer::new(GroupState::default());
        Self { info, state }
    }
}

/// Reads the frames of a group in order. A clone goes on from the same place.
#[derive(Clone)]
pub struct GroupConsumer {
    /// The place of the group in its track.
    pub info: Group,
    state: Consumer<GroupState>,
    /// Frames that were handed out.
    index: usize,
    /// A frame that `read_frame` began.
    partial: Option<FrameConsumer>,
}

impl GroupConsumer {
    fn new(info: Group, state: Consumer<GroupState>) -> Self {
        Self {
            info,
            state,
            index: 0,
            partial: None,
        }
    }

    /// The next frame whole, or `None` at the end of the group. Cancel safe.
    ///
    /// # Errors
    /// Why the group or the frame was aborted; [`Error::Old`] when the track
    /// let the group go before this handle had read it.
    pub async fn read_frame(&mut self) -> Result<Option<Bytes>> {
        if self.partial.is_none() {
            // Most frames that are there already take no detour.
            let index = self.index;
            if let Some(piece) = self.state.now(|group| group.piece(index)) {
                self.index += 1;
                return Ok(Some(piece));
            }
            self.partial = self.next_frame().await?;
        }
        let Some(frame) = &mut self.partial else {
            return Ok(None);
        };
        let result = frame.read_all().await.map(Some);
        self.partial = None;
        result
    }

    /// As [`Self::read_frame`], in the pieces that the frame was written in.
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Self::read_frame`].
    pub async fn read_frame_chunks(&mut self) -> Result<Option<Vec<Bytes>>> {
        self.partial = self.next_frame().await?;
        let Some(frame) = &mut self.partial else {
            return Ok(None);
        };
        let result = frame.read_chunks().await.map(Some);
        self.partial = None;
        result
    }

    /// As [`Self::read_frame_chunks`], with the time of the frame if its producer said one.
    /// Cancel safe.
    pub(crate) async fn read_timed_chunks(
        &mut self,
    ) -> Result<Option<(Option<Timestamp>, Vec<Bytes>)>> {
        self.partial = self.next_frame().await?;
        let Some(frame) = &mut self.partial else {
            return Ok(None);
        };
        let time = frame.timestamp();
        let result = frame.read_chunks().await.map(|chunks| Some((time, chunks)));
        self.partial = None;
        result
    }

    /// The next frame, complete or not, or `None` at the end of the group.
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Self::read_frame`].
    pub async fn next_frame(&mut self) -> Result<Option<FrameConsumer>> {
        if let Some(frame) = self.partial.take() {
            return Ok(Some(frame));
        }
        let slot = self.next_slot().await?;
        Ok(slot.map(FrameConsumer::from))
    }

    /// Resolves when the track lets the group go. Cancel safe.
    pub(crate) async fn expired(&self) {
        self.state.wait(|group| group.is_old.then_some(())).await;
    }

    async fn next_slot(&mut self) -> Result<Option<Slot>> {
        let index = self.index;
        let slot = self.state.next(|group| group.slot(index)).await?;
        self.index += usize::from(slot.is_some());
        Ok(slot)
    }

    pub(super) fn share(&self) -> SharedGroup {
        SharedGroup {
            info: self.info.clone(),
            state: self.state.share(),
        }
    }
}

/// A group as a track keeps it.
#[derive(Clone)]
pub(super) struct SharedGroup {
    pub(super) info: Group,
    state: Shared<GroupState>,
}

impl SharedGroup {
    pub(super) fn consume(&self) -> GroupConsumer {
        GroupConsumer::new(self.info.clone(), self.state.consume())
    }

    /// Counts the frames, those to come included, as part of a track's older groups.
    pub(super) fn charge(&self, budget: &Arc<Budget>) {
        self.state.peek(|group| {
            if !group.is_old {
                budget.add(group.bytes);
                group.budgets.push(budget.clone());
            }
        });
    }

    /// Takes no more frames and counts no longer. To be followed by [`Self::expire`].
    pub(super) fn retire(&self) {
        self.state.peek(|group| {
            group.is_old = true;
            for budget in group.budgets.drain(..) {
                budget.remove(group.bytes);
            }
        });
    }

    /// Lets the frames go. Readers that have them all still see the clean end;
    /// frames that are still being written end here. This runs code of whoever
    /// owns the payload, so not to be called under a lock.
    pub(super) fn expire(&self) {
        let frames = self.state.force(|group| {
            group.expired += group.frames.len();
            std::mem::take(&mut group.frames)
        });
        for frame in frames {
            frame.body.end(Error::Old);
        }
        if !self.state.has_ended() {
            self.state.end(Err(Error::Old));
        }
    }
}
