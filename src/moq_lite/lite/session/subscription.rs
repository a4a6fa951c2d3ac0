//! One subscription: its request, its groups, its end.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinSet};
use web_transport_trait::{RecvStream, Session};

use super::{order, ready::now_or_never, subscriber::Shared};
use crate::moq_lite::{
    self as model, Error, GroupProducer, PathOwned, Result, TrackProducer,
    coding::{Reader, Stream},
    lite::{ControlType, Group, Subscribe, SubscribeOk, Version},
};

/// A group's stream of which the header was read.
pub(super) struct Incoming<S: Session> {
    pub(super) header: Group,
    pub(super) reader: Reader<S::RecvStream, Version>,
}

pub(super) struct Subscription<S: Session> {
    pub(super) transport: S,
    pub(super) version: Version,
    pub(super) shared: Arc<Shared<S>>,
    pub(super) broadcast: PathOwned,
}

impl<S: Session> Subscription<S> {
    /// Fills `track` until it ends or nobody reads it any more.
    pub(super) async fn run(self, track: TrackProducer) {
        // Groups may overtake the answer, so the id is known before it is sent.
        let (id, mut groups) = self.shared.register();
        let registered = Registered(&self.shared, id);
        let result = tokio::select! {
            biased;
            result = self.fill(&track, id, &mut groups) => result,
            () = track.unused() => Err(Error::Cancel),
        };
        drop(registered);
        tracing::debug!(broadcast = %self.broadcast, track = %track.info.name, id, ?result, "subscription ended");
        match result {
            Ok(()) => track.close(),
            Err(err) => track.abort(err),
        }
    }

    async fn fill(
        &self,
        track: &TrackProducer,
        id: u64,
        groups: &mut mpsc::UnboundedReceiver<Incoming<S>>,
    ) -> Result<()> {
        let mut stream = Stream::open(&self.transport, self.version).await?;
        stream.writer.set_priority(order::CONTROL);
        stream.writer.encode(&ControlType::Subscribe).await?;
        let request = Subscribe {
            id,
            broadcast: self.broadcast.borrow(),
            track: Cow::Borrowed(&track.info.name),
            priority: track.info.priority,
        };
        stream.writer.encode(&request).await?;

        let mut tasks = JoinSet::new();
        let end = end_of_track(&mut stream, &self.shared);
        let mut end = std::pin::pin!(end);
        let mut ended = false;
        loop {
            tokio::select! {
                biased;
                Some(group) = groups.recv() => {
                    tasks.spawn(receive(group, track.clone()));
                }
                Some(_) = tasks.join_next() => {}
                result = &mut end, if !ended => {
                    result?;
                    ended = true;
                    groups.close();
                }
                // After the end, when no group waits and none is being read.
                else => return Ok(()),
            }
        }
    }
}

struct Registered<'a, S: Session>(&'a Shared<S>, u64);

impl<S: Session> Drop for Registered<'_, S> {
    fn drop(&mut self) {
        self.0.unregister(self.1);
    }
}

/// The publisher's answer, then the end of its side. It comes after the last
/// group was delivered, though not necessarily after it was looked at here.
async fn end_of_track<S: Session>(
    stream: &mut Stream<S, Version>,
    shared: &Shared<S>,
) -> Result<()> {
    stream.reader.decode::<SubscribeOk>().await?;
    stream.reader.closed().await?;
    shared.settled().await;
    stream.writer.finish()
}

async fn receive<S: Session>(incoming: Incoming<S>, mut track: TrackProducer) {
    let Incoming { header, mut reader } = incoming;
    let sequence = header.sequence;
    // Not there: it came twice, or is older than what is kept.
    let Some(mut group) = track.create_group(model::Group { sequence }) else {
        return reader.abort(&Error::Old);
    };
    match receive_frames(&mut reader, &mut group).await {
        Ok(()) => group.close(),
        Err(err) => {
            tracing::debug!(%err, sequence, "group not received whole");
            reader.abort(&err);
            group.abort(err);
        }
    }
}

async fn receive_frames<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    group: &mut GroupProducer,
) -> Result<()> {
    while let Some(size) = reader.decode_maybe::<u64>().await? {
        if size > model::Group::MAX_BYTES {
            return Err(Error::TooLarge);
        }
        receive_frame(reader, group, size).await?;
    }
    Ok(())
}

/// Hands on what has arrived in one go, so that readers are not woken for each
/// packet; nothing waits for what has not.
async fn receive_frame<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    group: &mut GroupProducer,
    size: u64,
) -> Result<()> {
    let mut missing = size as usize;
    let mut chunks = arrived(reader, &mut missing).await?;
    if missing == 0 {
        return group.write_frame_chunks(chunks);
    }
    let mut frame = group.create_frame(size.into())?;
    loop {
        frame.write_chunks(chunks)?;
        if missing == 0 {
            return frame.close();
        }
        let chunk = reader.read(missing).await?.ok_or(Error::WrongSize)?;
        missing -= chunk.len();
        chunks = arrived(reader, &mut missing).await?;
        chunks.insert(0, chunk);
    }
}

/// What can be read without waiting, up to `missing` bytes, which are counted down.
async fn arrived<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    missing: &mut usize,
) -> Result<Vec<Bytes>> {
    let mut chunks = Vec::new();
    while *missing > 0 {
        match now_or_never(reader.read(*missing)).await {
            Some(chunk) => chunks.push(chunk?.ok_or(Error::WrongSize)?),
            None => break,
        }
        *missing -= chunks.last().map_or(0, Bytes::len);
    }
    Ok(chunks)
}
