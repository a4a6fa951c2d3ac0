//! Sends one track to the peer, for as long as it wants it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{sync::watch, task::JoinSet};
use web_transport_trait::{SendStream, Session};

use super::{
    codes::{self, done},
    outbox::Outbox,
    overdue::Overdue,
};
use crate::moq_lite::{
    Error, FrameConsumer, GroupConsumer, Result, TrackConsumer,
    coding::{Encode, Writer},
    ietf::{
        GroupFlags, GroupHeader, Location, ObjectStatus, PublishDone, RequestId, Subscribe, Version,
    },
    order,
    stats::Meter,
};

/// What the peer wants of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) start: Location,
    /// The last group.
    pub(super) end: Option<u64>,
    /// Higher is sent first, as everywhere but on this wire.
    pub(super) priority: u8,
    pub(super) forward: bool,
    /// For how long an object is worth sending.
    pub(super) timeout: Option<Duration>,
    pub(super) stop: bool,
}

impl Wish {
    pub(super) fn of(request: &Subscribe<'_>) -> Self {
        Self {
            start: request.start_location.unwrap_or(BEGINNING),
            end: request.end_group,
            priority: 255 - request.subscriber_priority,
            forward: request.forward,
            timeout: request.delivery_timeout,
            stop: false,
        }
    }
}

const BEGINNING: Location = Location {
    group: 0,
    object: 0,
};

/// The result of a future that is ready at once.
pub(super) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[derive(Clone)]
pub(super) struct Serving<S> {
    pub(super) transport: S,
    pub(super) version: Version,
    pub(super) outbox: Outbox,
    pub(super) id: RequestId,
    pub(super) wishes: watch::Receiver<Wish>,
    pub(super) meter: Arc<Meter>,
}

impl<S: Session> Serving<S> {
    /// Sends groups until the track ends and the peer has them all, or until the
    /// peer has had enough.
    pub(super) async fn run(mut self, track: TrackConsumer) {
        let streams = Arc::new(AtomicU64::new(0));
        let (status_code, reason) = match self.serve(track, &streams).await {
            Ok(code) => (code, String::new()),
            Err(err) => {
                let reason = err.to_string();
                (codes::end(&Err(err)), reason)
            }
        };
        self.outbox.answer(&PublishDone {
            request_id: self.id,
            status_code,
            stream_count: streams.load(Ordering::Relaxed),
            reason_phrase: reason.into(),
        });
    }

    async fn serve(&mut self, mut track: TrackConsumer, streams: &Arc<AtomicU64>) -> Result<u64> {
        let mut groups = JoinSet::new();
        let mut ended = None;
        // The newest group that came while nothing was to be sent.
        let mut held = None;
        loop {
            let wish = self.wishes.borrow_and_update().clone();
            if wish.stop {
                return Ok(done::SUBSCRIPTION_ENDED);
            }
            if let Some(group) = held.take_if(|_| wish.forward) {
                groups.spawn(self.clone().serve_group(group, streams.clone()));
            }
            if let Some(code) = ended
                && groups.is_empty()
            {
                return Ok(code);
            }
            tokio::select! {
                changed = self.wishes.changed() => changed.map_err(|_| Error::Cancel)?,
                group = track.recv_group(), if ended.is_none() => {
                    let Some(group) = group? else {
                        ended = Some(codes::end(&Ok(())));
                        continue;
                    };
                    let sequence = group.info.sequence;
                    if wish.end.is_some_and(|end| sequence >= end) {
                        ended = Some(done::SUBSCRIPTION_ENDED);
                    }
                    if sequence < wish.start.group || wish.end.is_some_and(|end| sequence > end) {
                        continue;
                    }
                    if wish.forward {
                        groups.spawn(self.clone().serve_group(group, streams.clone()));
                    } else {
                        held = Some(group);
                    }
                }
                Some(_) = groups.join_next() => {}
            }
        }
    }

    async fn serve_group(mut self, group: GroupConsumer, streams: Arc<AtomicU64>) {
        let (id, sequence) = (self.id, group.info.sequence);
        let result = self.send_group(group, &streams).await;
        self.meter.group(&result);
        if let Err(err) = result {
            tracing::debug!(%err, %id, sequence, "group not sent whole");
        }
    }

    async fn send_group(&mut self, group: GroupConsumer, streams: &AtomicU64) -> Result<()> {
        let sequence = group.info.sequence;
        let sent = watch::Sender::new(0);
        let overdue = Overdue::new(group.clone(), self.wishes.clone(), sent.subscribe());
        let kept = group.clone();
        let mut late = pin!(async {
            tokio::select! {
                () = kept.expired() => {}
                () = overdue.run() => {}
            }
        });
        // A peer that takes nothing in must not make old groups pile up.
        let stream = tokio::select! {
            biased;
            () = &mut late => return Err(Error::Old),
            stream = self.transport.open_uni() => stream,
        };
        let mut writer = Writer::new(stream.map_err(Error::from_transport)?, self.version);
        streams.fetch_add(1, Ordering::Relaxed);
        let wish = self.wishes.borrow_and_update().clone();
        writer.set_priority(order::of_group(wish.priority, self.id.0, sequence));

        let mut objects = Objects {
            writer,
            head: BytesMut::new(),
            version: self.version,
            previous: None,
        };
        let result = tokio::select! {
            biased;
            () = &mut late => Err(Error::Old),
            result = self.send_objects(group, &wish, &mut objects, &sent) => result,
        };
        if let Err(err) = &result {
            objects.writer.abort(err);
        }
        result
    }

    /// Tells how many objects were `sent`.
    async fn send_objects(
        &mut self,
        mut group: GroupConsumer,
        wish: &Wish,
        objects: &mut Objects<S::SendStream>,
        sent: &watch::Sender<u64>,
    ) -> Result<()> {
        let sequence = group.info.sequence;
        let header = GroupHeader {
            track_alias: self.id.0,
            group_id: sequence,
            sub_group_id: 0,
            publisher_priority: 255 - wish.priority,
            flags: GroupFlags::default(),
        };
        header.encode(&mut objects.head, self.version)?;
        let first = match wish.start {
            start if start.group == sequence => start.object,
            _ => 0,
        };
        let mut object = 0;
        loop {
            let frame = tokio::select! {
                biased;
                frame = group.next_frame() => frame?,
                // The peer stopped reading.
                closed = objects.writer.closed() => return closed,
                Ok(()) = self.wishes.changed() => {
                    let priority = self.wishes.borrow_and_update().priority;
                    objects.writer.set_priority(order::of_group(priority, self.id.0, sequence));
                    continue;
                }
            };
            let Some(frame) = frame else { break };
            if object >= first {
                self.meter.frame(frame.info.size);
                objects.send(object, frame).await?;
            }
            object += 1;
            sent.send_replace(object);
        }
        objects.flush().await?;
        objects.writer.finish()?;
        objects.writer.closed().await
    }
}

/// Writes the objects of a group's stream.
struct Objects<W: SendStream> {
    writer: Writer<W, Version>,
    /// What is to be written before the next payload.
    head: BytesMut,
    version: Version,
    /// The number of the object before.
    previous: Option<u64>,
}

impl<W: SendStream> Objects<W> {
    /// Payload goes to the transport as it is; only small pieces are gathered.
    async fn send(&mut self, object: u64, mut frame: FrameConsumer) -> Result<()> {
        let delta = self
            .previous
            .map_or(object, |previous| object - previous - 1);
        self.previous = Some(object);
        delta.encode(&mut self.head, self.version)?;
        frame.info.size.encode(&mut self.head, self.version)?;
        if frame.info.size == 0 {
            ObjectStatus::Normal
                .number()
                .encode(&mut self.head, self.version)?;
        }
        while let Some(chunk) = frame.read_chunk().await? {
            if chunk.len() <= SMALL {
                self.head.extend_from_slice(&chunk);
            } else {
                self.flush().await?;
                self.writer.write_chunk(chunk).await?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        if self.head.is_empty() {
            return Ok(());
        }
        self.writer.write_chunk(self.head.split().freeze()).await
    }
}

/// Up to this size a copy is cheaper than a write of its own.
const SMALL: usize = 128;
