//! Answers the peer's requests: announcements and subscriptions.

use std::collections::HashSet;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;
use web_transport_trait::Session;

use super::{order, ready::now_or_never};
use crate::moq_lite::{
    Error, FrameConsumer, GroupConsumer, Origin, OriginConsumer, Path, Result, Track,
    TrackConsumer,
    coding::{Encode, Stream, Writer},
    lite::{
        Announce, AnnounceInit, AnnouncePlease, ControlType, DataType, Group, Subscribe,
        SubscribeOk, Version,
    },
};

#[derive(Clone)]
pub(super) struct Publisher<S> {
    transport: S,
    origin: OriginConsumer,
    version: Version,
}

impl<S: Session> Publisher<S> {
    pub(super) fn new(transport: S, origin: OriginConsumer, version: Version) -> Self {
        Self {
            transport,
            origin,
            version,
        }
    }

    /// Serves each of the peer's streams by itself, so that a slow one holds up
    /// no other. Returns when the transport is gone.
    pub(super) async fn run(self) -> Error {
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                stream = Stream::accept(&self.transport, self.version) => match stream {
                    Ok(stream) => { streams.spawn(self.clone().serve(stream)); }
                    Err(err) => return err,
                },
                Some(_) = streams.join_next() => {}
            }
        }
    }

    async fn serve(self, mut stream: Stream<S, Version>) {
        stream.writer.set_priority(order::CONTROL);
        if let Err(err) = self.request(&mut stream).await {
            tracing::debug!(%err, "request refused");
            stream.abort(&err);
        }
    }

    async fn request(&self, stream: &mut Stream<S, Version>) -> Result<()> {
        // An unknown type ends its stream, not the session.
        match stream.reader.decode::<ControlType>().await? {
            ControlType::Session => Err(Error::UnexpectedStream),
            ControlType::Announce => self.announce(stream).await,
            ControlType::Subscribe => self.subscribe(stream).await,
        }
    }

    async fn announce(&self, stream: &mut Stream<S, Version>) -> Result<()> {
        let request: AnnouncePlease = stream.reader.decode().await?;
        // Where the peer may see nothing there is nothing: no error.
        let origin = self.origin.with_root(&request.prefix);
        let mut origin = origin.unwrap_or_else(|| Origin::produce().consumer);
        let mut active = Vec::new();
        while let Some((suffix, broadcast)) = origin.try_announced() {
            if broadcast.is_some() {
                active.push(suffix);
            }
        }
        tracing::debug!(prefix = %request.prefix, count = active.len(), "announcing");
        // The peer takes a second "active" or a stray "ended" as an offence.
        let mut announced: HashSet<Path> = active.iter().cloned().collect();
        stream
            .writer
            .encode(&AnnounceInit { suffixes: active })
            .await?;
        loop {
            let change = tokio::select! {
                change = origin.announced() => change,
                closed = stream.reader.closed() => {
                    closed?;
                    return stream.writer.finish();
                }
            };
            let message = match change {
                Some((suffix, Some(_))) if announced.insert(suffix.clone()) => {
                    Announce::Active { suffix }
                }
                Some((suffix, None)) if announced.remove(&suffix) => Announce::Ended { suffix },
                Some(_) => continue,
                // Nothing will change any more; the peer decides when to stop listening.
                None => {
                    stream.reader.closed().await?;
                    return stream.writer.finish();
                }
            };
            stream.writer.encode(&message).await?;
        }
    }

    async fn subscribe(&self, stream: &mut Stream<S, Version>) -> Result<()> {
        let request: Subscribe = stream.reader.decode().await?;
        let broadcast = self
            .origin
            .consume_broadcast(&request.broadcast)
            .ok_or(Error::NotFound)?;
        let track = broadcast.subscribe_track(&Track {
            name: request.track.to_string(),
            priority: request.priority,
        });
        drop(broadcast);
        if let Some(Err(err)) = now_or_never(track.closed()).await {
            return Err(err);
        }
        tracing::debug!(broadcast = %request.broadcast, track = %request.track, id = request.id, "subscribed");
        let priority = request.priority;
        stream.writer.encode(&SubscribeOk { priority }).await?;
        self.serve_track(stream, &request, track).await
    }

    /// Sends groups until the track ends and the peer has them all, or until the
    /// peer has had enough.
    async fn serve_track(
        &self,
        stream: &mut Stream<S, Version>,
        request: &Subscribe<'_>,
        mut track: TrackConsumer,
    ) -> Result<()> {
        let mut groups = JoinSet::new();
        let mut ended = false;
        loop {
            if ended && groups.is_empty() {
                stream.writer.finish()?;
                return stream.writer.closed().await;
            }
            tokio::select! {
                closed = stream.reader.closed() => {
                    closed?;
                    return stream.writer.finish();
                }
                group = track.recv_group(), if !ended => match group? {
                    Some(group) => { groups.spawn(self.clone().serve_group(request.id, request.priority, group)); }
                    None => ended = true,
                },
                Some(_) = groups.join_next() => {}
            }
        }
    }

    async fn serve_group(self, subscribe: u64, priority: u8, group: GroupConsumer) {
        let sequence = group.info.sequence;
        if let Err(err) = self.send_group(subscribe, priority, group).await {
            tracing::debug!(%err, subscribe, sequence, "group not sent whole");
        }
    }

    async fn send_group(&self, subscribe: u64, priority: u8, group: GroupConsumer) -> Result<()> {
        let sequence = group.info.sequence;
        // A peer that takes nothing in must not make old groups pile up.
        let kept = group.clone();
        let stream = tokio::select! {
            biased;
            () = kept.expired() => return Err(Error::Old),
            stream = self.transport.open_uni() => stream.map_err(Error::from_transport)?,
        };
        let mut writer = Writer::new(stream, self.version);
        writer.set_priority(order::of_group(priority, subscribe, sequence));
        let sent = tokio::select! {
            biased;
            () = kept.expired() => Err(Error::Old),
            sent = self.send_frames(&mut writer, subscribe, group) => sent,
        };
        drop(kept);
        if let Err(err) = sent {
            writer.abort(&err);
            return Err(err);
        }
        writer.finish()?;
        writer.closed().await
    }

    async fn send_frames(
        &self,
        writer: &mut Writer<S::SendStream, Version>,
        subscribe: u64,
        mut group: GroupConsumer,
    ) -> Result<()> {
        let sequence = group.info.sequence;
        let mut head = BytesMut::new();
        DataType::Group.encode(&mut head, self.version)?;
        Group {
            subscribe,
            sequence,
        }
        .encode(&mut head, self.version)?;
        loop {
            let frame = tokio::select! {
                biased;
                frame = group.next_frame() => frame?,
                // The peer stopped reading.
                closed = writer.closed() => return Err(closed.err().unwrap_or(Error::Cancel)),
            };
            match frame {
                Some(frame) => self.send_frame(writer, &mut head, frame).await?,
                None => return flush(writer, &mut head).await,
            }
        }
    }

    /// Payload goes to the transport as it is; only small pieces are gathered.
    async fn send_frame(
        &self,
        writer: &mut Writer<S::SendStream, Version>,
        head: &mut BytesMut,
        mut frame: FrameConsumer,
    ) -> Result<()> {
        frame.info.size.encode(head, self.version)?;
        loop {
            let chunk = match now_or_never(frame.read_chunk()).await {
                Some(chunk) => chunk?,
                // What is gathered must not wait for what is not written yet.
                None => {
                    flush(writer, head).await?;
                    frame.read_chunk().await?
                }
            };
            let Some(chunk) = chunk else { break };
            if chunk.len() <= SMALL {
                head.extend_from_slice(&chunk);
            } else {
                flush(writer, head).await?;
                writer.write_chunk(chunk).await?;
            }
        }
        flush(writer, head).await
    }
}

/// Up to this size a copy is cheaper than a write of its own.
const SMALL: usize = 128;

async fn flush<S: web_transport_trait::SendStream>(
    writer: &mut Writer<S, Version>,
    head: &mut BytesMut,
) -> Result<()> {
    if head.is_empty() {
        return Ok(());
    }
    let chunk: Bytes = head.split().freeze();
    writer.write_chunk(chunk).await
}
