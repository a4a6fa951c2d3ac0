//! Serves one subscription: its groups, its updates, its end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinSet, coop::consume_budget},
};
use web_transport_trait::Session;

use super::{
    frames::FrameWriter,
    life::{Event, Life, Pace},
    order,
    publisher::Publisher,
    ready::now_or_never,
    requests::Frames,
};
use crate::moq_lite::{
    Demand, Direction, Error, GroupConsumer, Result, Stamp, Track, TrackConsumer,
    coding::{Stream, Writer},
    lite::{
        DataType, Group, Subscribe, SubscribeEnd, SubscribeOk, SubscribeReply, SubscribeStart,
        SubscribeUpdate, Version,
    },
    stats::Meter,
};

pub(super) async fn subscribe<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let request: Subscribe = stream.reader.decode().await?;
    let broadcast = publisher.origin.consume_broadcast(&request.broadcast);
    let broadcast = broadcast.ok_or(Error::NotFound)?;
    let mut track = broadcast.subscribe_track(&Track {
        name: request.track.to_string(),
        priority: request.priority,
    });
    drop(broadcast);
    if let Some(Err(err)) = now_or_never(track.closed()).await {
        return Err(err);
    }
    tracing::debug!(broadcast = %request.broadcast, track = %request.track, id = request.id, "subscribed");
    let wants = request.wants();
    track.set_demand(demand(&wants));
    let version = publisher.version;
    if !version.has_marks() {
        let ok = SubscribeOk {
            priority: wants.priority,
            max_age: wants.max_age.min(Track::MAX_AGE),
            start: None,
            end: wants.end,
        };
        stream.writer.encode(&SubscribeReply::Ok(ok)).await?;
    }
    if wants.start.is_some() {
        track.rewind(Duration::MAX);
    } else if version.has_frame_ranges() && !wants.max_age.is_zero() {
        track.rewind(wants.max_age);
    }
    let meters = &publisher.status.meters;
    let sender = Sender {
        publisher: publisher.clone(),
        subscribe: request.id,
        began: track.began(),
        meter: meters.start(
            Direction::Sent,
            request.broadcast.as_str(),
            request.track.as_ref(),
        ),
    };
    let pace = Pace {
        priority: wants.priority,
        max_age: max_age(&wants, version),
        newest: track.latest().unwrap_or(0),
    };
    let serving = Serving {
        track,
        wants,
        sender,
        pace: watch::Sender::new(pace),
        started: false,
    };
    serving.run(stream).await
}

/// For how long a group is sent once there is a newer one. The first versions leave
/// it to the cache.
fn max_age(wants: &SubscribeUpdate, version: Version) -> Duration {
    if version.has_ranges() {
        wants.max_age.min(Track::MAX_AGE)
    } else {
        Duration::MAX
    }
}

fn demand(wants: &SubscribeUpdate) -> Demand {
    Demand {
        priority: wants.priority,
        max_age: wants.max_age.min(Track::MAX_AGE),
        start: wants.start,
        end: wants.end,
    }
}

struct Serving<S: Session> {
    track: TrackConsumer,
    wants: SubscribeUpdate,
    sender: Sender<S>,
    pace: watch::Sender<Pace>,
    /// The peer knows the first group.
    started: bool,
}

impl<S: Session> Serving<S> {
    /// Sends groups until the track ends and the peer has them all, or until the
    /// peer has had enough.
    async fn run(mut self, stream: &mut Stream<S, Version>) -> Result<()> {
        let version = self.sender.publisher.version;
        let mut groups = JoinSet::new();
        let mut ended = false;
        loop {
            if ended && groups.is_empty() {
                stream.writer.finish()?;
                return stream.writer.closed().await;
            }
            tokio::select! {
                update = next_update(stream, version) => match update? {
                    Some(update) => self.update(update),
                    // Where the end of a track is marked a bare end would be none.
                    None if version.has_marks() => return Err(Error::Cancel),
                    None => return stream.writer.finish(),
                },
                group = self.track.recv_group(), if !ended => match group? {
                    Some(group) => {
                        if let Some(frames) = self.select(group.info.sequence) {
                            self.start(stream, group.info.sequence).await?;
                            let pace = self.pace.subscribe();
                            groups.spawn(self.sender.clone().serve(group, frames, pace));
                        }
                    }
                    None => {
                        ended = true;
                        self.end(stream).await?;
                    }
                },
                Some(_) = groups.join_next() => {}
            }
        }
    }

    fn update(&mut self, wants: SubscribeUpdate) {
        tracing::debug!(id = self.sender.subscribe, ?wants, "subscription updated");
        self.track.set_demand(demand(&wants));
        let max_age = max_age(&wants, self.sender.publisher.version);
        self.pace.send_modify(|pace| {
            pace.priority = wants.priority;
            pace.max_age = max_age;
        });
        self.wants = wants;
    }

    /// Which frames of a group are wanted, if any.
    fn select(&self, sequence: u64) -> Option<Frames> {
        self.pace.send_if_modified(|pace| {
            let newer = sequence > pace.newest;
            pace.newest = pace.newest.max(sequence);
            newer
        });
        let SubscribeUpdate { start, end, .. } = self.wants;
        let before = start.is_some_and(|start| sequence < start);
        let after = end.is_some_and(|end| sequence > end);
        if before || after {
            return None;
        }
        let mut frames = Frames::ALL;
        if start == Some(sequence) {
            frames.first = self.wants.frame_start;
        }
        if end == Some(sequence) {
            frames.last = self.wants.frame_end;
        }
        Some(frames)
    }

    async fn start(&mut self, stream: &mut Stream<S, Version>, group: u64) -> Result<()> {
        if self.started || !self.sender.publisher.version.has_marks() {
            return Ok(());
        }
        self.started = true;
        let start = SubscribeReply::Start(SubscribeStart { group });
        stream.writer.encode(&start).await
    }

    async fn end(&self, stream: &mut Stream<S, Version>) -> Result<()> {
        if !self.sender.publisher.version.has_marks() {
            return Ok(());
        }
        let group = self.track.latest().map_or(0, |latest| latest + 1);
        let end = SubscribeReply::End(SubscribeEnd { group });
        stream.writer.encode(&end).await
    }
}

/// The next update; `None` when the peer has had enough. Cancel safe.
async fn next_update<S: Session>(
    stream: &mut Stream<S, Version>,
    version: Version,
) -> Result<Option<SubscribeUpdate>> {
    if version.has_ranges() {
        stream.reader.decode_maybe().await
    } else {
        stream.reader.closed().await.map(|()| None)
    }
}

/// Sends the groups of one subscription, each on its own stream.
struct Sender<S> {
    publisher: Publisher<S>,
    subscribe: u64,
    began: Stamp,
    meter: Arc<Meter>,
}

impl<S: Session> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self {
            publisher: self.publisher.clone(),
            subscribe: self.subscribe,
            began: self.began,
            meter: self.meter.clone(),
        }
    }
}

impl<S: Session> Sender<S> {
    async fn serve(self, group: GroupConsumer, frames: Frames, pace: watch::Receiver<Pace>) {
        let sequence = group.info.sequence;
        let life = Life::new(sequence, pace);
        let result = self.open(group, frames, life).await;
        self.meter.group(&result);
        if let Err(err) = result {
            let subscribe = self.subscribe;
            tracing::debug!(%err, subscribe, sequence, "group not sent whole");
        }
    }

    async fn open(&self, group: GroupConsumer, frames: Frames, mut life: Life) -> Result<()> {
        let version = self.publisher.version;
        // A peer that takes nothing in must not make old groups pile up.
        let stream = tokio::select! {
            biased;
            () = life.expired() => return Err(Error::Old),
            () = group.expired() => return Err(Error::Old),
            stream = self.publisher.transport.open_uni() => stream,
        };
        let stream = stream.map_err(Error::from_transport)?;
        let mut stream = Writer::new(stream, version).with_codes(version.stream_code());
        let result = self.send(&mut stream, group, frames, life).await;
        if let Err(err) = &result {
            stream.abort(err);
        }
        result
    }

    async fn send(
        &self,
        stream: &mut Writer<S::SendStream, Version>,
        group: GroupConsumer,
        frames: Frames,
        mut life: Life,
    ) -> Result<()> {
        let sequence = group.info.sequence;
        let order = |priority| order::of_group(priority, self.subscribe, sequence);
        stream.set_priority(order(life.priority()));
        let kept = group.clone();
        tokio::select! {
            biased;
            () = kept.expired() => return Err(Error::Old),
            sent = self.send_frames(stream, group, frames, &mut life) => sent?,
        }
        drop(kept);
        life.written();
        loop {
            tokio::select! {
                biased;
                closed = stream.closed() => return closed,
                event = life.event() => match event {
                    Event::Priority(priority) => stream.set_priority(order(priority)),
                    Event::Expired => return Err(Error::Old),
                },
            }
        }
    }

    async fn send_frames(
        &self,
        stream: &mut Writer<S::SendStream, Version>,
        mut group: GroupConsumer,
        frames: Frames,
        life: &mut Life,
    ) -> Result<()> {
        let sequence = group.info.sequence;
        let mut writer = FrameWriter::new(stream, self.publisher.version, self.began);
        writer.put(&DataType::Group)?;
        writer.put(&Group {
            subscribe: self.subscribe,
            sequence,
            frame_start: frames.first,
        })?;
        let order = |priority| order::of_group(priority, self.subscribe, sequence);
        let mut index = 0;
        while frames.last.is_none_or(|last| index <= last) {
            if let Some(priority) = life.new_priority() {
                writer.stream.set_priority(order(priority));
            }
            // What is there already, and the transport takes, is not too old.
            let frame = match now_or_never(group.next_frame()).await {
                Some(frame) => frame?,
                None => tokio::select! {
                    biased;
                    event = life.event() => match event {
                        Event::Priority(priority) => {
                            writer.stream.set_priority(order(priority));
                            continue;
                        }
                        Event::Expired => return Err(Error::Old),
                    },
                    frame = group.next_frame() => frame?,
                    // The peer stopped reading.
                    closed = writer.stream.closed() => {
                        return Err(closed.err().unwrap_or(Error::Cancel));
                    }
                },
            };
            let Some(frame) = frame else { break };
            if index >= frames.first {
                let size = frame.info.size;
                tokio::select! {
                    biased;
                    sent = writer.frame(frame) => sent?,
                    () = life.expired() => return Err(Error::Old),
                }
                self.meter.frame(size);
            }
            index += 1;
            // As many as there are: others have their turn.
            consume_budget().await;
        }
        writer.finish().await
    }
}
