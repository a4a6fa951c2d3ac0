//! One subscription: its request, its groups, its end.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};
use web_transport_trait::{RecvStream, Session};

use super::{
    frames::{micros, read_frames},
    incoming::{Arrivals, Incoming, Shared},
    life::{Life, Pace},
    publisher::Publisher,
    requests::TIMESCALE,
    streams,
};
use crate::moq_lite::{
    self as model, Demand, Direction, Error, GroupProducer, PathOwned, Result, TrackProducer,
    coding::{Reader, Writer},
    lite::{
        ControlType, Datagram, Subscribe, SubscribeReply, SubscribeUpdate, TrackInfo, TrackRequest,
        Version,
    },
    own::{Pieces, own},
    stats::Meter,
};

pub(super) struct Subscription<S: Session> {
    pub(super) session: Publisher<S>,
    pub(super) shared: Arc<Shared<S>>,
    pub(super) broadcast: PathOwned,
}

impl<S: Session> Subscription<S> {
    /// Fills `track` until it ends or nobody reads it any more.
    pub(super) async fn run(self, track: TrackProducer) {
        // Groups may overtake the answer, so the id is known before it is sent.
        let (id, arrivals) = self.shared.register();
        let registered = Registered(&self.shared, id);
        let result = tokio::select! {
            biased;
            result = self.fill(&track, id, arrivals) => result,
            () = track.unused() => Err(Error::Cancel),
        };
        drop(registered);
        tracing::debug!(broadcast = %self.broadcast, track = %track.info.name, id, ?result, "subscription ended");
        match result {
            Ok(()) => track.close(),
            Err(err) => track.abort(err),
        }
    }

    async fn fill(&self, track: &TrackProducer, id: u64, arrivals: Arrivals<S>) -> Result<()> {
        let version = self.session.version;
        let demand = track.demand();
        let mut asked = Asked {
            version,
            wants: wants(&demand, version, None),
            demand,
            first: None,
        };
        let stream = streams::open(&self.session.transport, version).await?;
        let (mut writer, mut reader) = (stream.writer, stream.reader);
        writer.encode(&ControlType::Subscribe).await?;
        let request = Subscribe {
            id,
            broadcast: self.broadcast.borrow(),
            track: Cow::Borrowed(&track.info.name),
            priority: asked.wants.priority,
            max_age: asked.wants.max_age,
            start: asked.wants.start,
            end: asked.wants.end,
            frame_start: 0,
            frame_end: None,
        };
        writer.encode(&request).await?;

        let Arrivals {
            mut groups,
            mut datagrams,
        } = arrivals;
        let meters = &self.session.status.meters;
        let meter = meters.start(
            Direction::Received,
            self.broadcast.as_str(),
            &track.info.name,
        );
        let mut receiver = Receiver::new(track.clone(), version, asked.demand.max_age, meter);
        let mut answers = Answers::new(version);
        let info = self.track_info(&track.info.name);
        let mut info = std::pin::pin!(info);
        let settled = self.shared.settled();
        let mut settled = std::pin::pin!(settled);
        let (mut informed, mut ended) = (false, false);
        loop {
            tokio::select! {
                biased;
                Some(group) = groups.recv() => {
                    answers.arrived(group.header.sequence)?;
                    asked.arrived(group.header.sequence, &mut writer).await?;
                    receiver.stream(group);
                }
                Some(datagram) = datagrams.recv() => {
                    answers.arrived(datagram.sequence)?;
                    asked.arrived(datagram.sequence, &mut writer).await?;
                    receiver.datagram(datagram);
                }
                Some(_) = receiver.tasks.join_next() => {}
                result = &mut info, if !informed => {
                    informed = true;
                    receiver.inform(result?);
                }
                result = answers.next(&mut reader), if !answers.finished => result?,
                // The end comes after the last group was delivered, though not
                // necessarily after it was looked at here.
                () = &mut settled, if answers.finished && !ended => {
                    ended = true;
                    groups.close();
                    datagrams.close();
                    writer.finish()?;
                }
                demand = track.demand_changed(&asked.demand), if !answers.finished => {
                    receiver.set_max_age(demand.max_age);
                    asked.demand = demand;
                    asked.update(&mut writer).await?;
                }
                // After the end, when no group waits and none is being read.
                else => return Ok(()),
            }
        }
    }

    /// What the publisher says about the track, in the versions in which it does.
    async fn track_info(&self, track: &str) -> Result<TrackInfo> {
        let version = self.session.version;
        if !version.has_timestamps() {
            return Ok(TrackInfo {
                priority: 0,
                max_age: Duration::MAX,
                timescale: TIMESCALE,
            });
        }
        let mut stream = streams::open(&self.session.transport, version).await?;
        stream.writer.encode(&ControlType::Track).await?;
        let request = TrackRequest {
            broadcast: self.broadcast.borrow(),
            track: Cow::Borrowed(track),
        };
        stream.writer.encode(&request).await?;
        let info = stream.reader.decode().await?;
        stream.writer.finish()?;
        Ok(info)
    }
}

struct Registered<'a, S: Session>(&'a Shared<S>, u64);

impl<S: Session> Drop for Registered<'_, S> {
    fn drop(&mut self) {
        self.0.unregister(self.1);
    }
}

/// What the publisher was asked for.
struct Asked {
    version: Version,
    /// What the readers want.
    demand: Demand,
    /// What was said.
    wants: SubscribeUpdate,
    /// The group that came first.
    first: Option<u64>,
}

impl Asked {
    async fn arrived<S: web_transport_trait::SendStream>(
        &mut self,
        sequence: u64,
        writer: &mut Writer<S, Version>,
    ) -> Result<()> {
        if self.first.is_some() {
            return Ok(());
        }
        self.first = Some(sequence);
        self.update(writer).await
    }

    /// Says what is wanted now, if that was not said before.
    async fn update<S: web_transport_trait::SendStream>(
        &mut self,
        writer: &mut Writer<S, Version>,
    ) -> Result<()> {
        let wants = wants(&self.demand, self.version, self.first);
        if wants == self.wants || !self.version.has_ranges() {
            return Ok(());
        }
        self.wants = wants;
        writer.encode(&self.wants).await
    }
}

/// Where the age decides which group is the first, a reader that wants the newest
/// asks for no age until that is there; from then on nothing older is wanted.
fn wants(demand: &Demand, version: Version, first: Option<u64>) -> SubscribeUpdate {
    let by_age = version.has_frame_ranges() && demand.start.is_none();
    let max_age = if by_age && first.is_none() {
        Duration::ZERO
    } else {
        demand.max_age
    };
    SubscribeUpdate {
        priority: demand.priority,
        max_age,
        start: if by_age { first } else { demand.start },
        end: demand.end,
        frame_start: 0,
        frame_end: None,
    }
}

/// What the publisher has answered.
struct Answers {
    version: Version,
    accepted: bool,
    /// One more than the last group.
    end: Option<u64>,
    /// The highest sequence number that has arrived.
    highest: Option<u64>,
    finished: bool,
}

impl Answers {
    fn new(version: Version) -> Self {
        Self {
            version,
            // Where there is no answer that says so.
            accepted: version.has_marks(),
            end: None,
            highest: None,
            finished: false,
        }
    }

    /// Takes the next answer, or the end of the stream. Cancel safe.
    async fn next<R: RecvStream>(&mut self, reader: &mut Reader<R, Version>) -> Result<()> {
        if !self.accepted {
            match reader.decode().await? {
                SubscribeReply::Ok(_) => self.accepted = true,
                SubscribeReply::Drop(drop) => tracing::debug!(?drop, "groups will not come"),
                _ => return Err(Error::UnexpectedMessage),
            }
            return Ok(());
        }
        if !self.version.has_ranges() {
            reader.closed().await?;
            self.finished = true;
            return Ok(());
        }
        match reader.decode_maybe().await? {
            Some(SubscribeReply::Start(start)) => tracing::debug!(?start, "track started"),
            Some(SubscribeReply::Drop(drop)) => tracing::debug!(?drop, "groups will not come"),
            Some(SubscribeReply::End(end)) if self.end.is_none() => {
                self.end = Some(end.group);
                self.check()?;
            }
            Some(_) => return Err(Error::UnexpectedMessage),
            // Where the end of a track is marked a bare end is none.
            None if self.version.has_marks() && self.end.is_none() => {
                return Err(Error::ProtocolViolation);
            }
            None => self.finished = true,
        }
        Ok(())
    }

    fn arrived(&mut self, sequence: u64) -> Result<()> {
        self.highest = self.highest.max(Some(sequence));
        self.check()
    }

    /// No group may lie behind the end. Version 05 was understood in two ways, one
    /// of which names the last group instead of the one behind it.
    fn check(&self) -> Result<()> {
        let (Some(end), Some(highest)) = (self.end, self.highest) else {
            return Ok(());
        };
        let boundary = self.version == Version::Draft05 && highest == end;
        if highest < end || boundary {
            Ok(())
        } else {
            Err(Error::ProtocolViolation)
        }
    }
}

/// Takes in the groups of one subscription.
struct Receiver {
    track: TrackProducer,
    version: Version,
    tasks: JoinSet<()>,
    pace: watch::Sender<Pace>,
    /// Ticks of timestamps a second, once they are known.
    timescale: watch::Sender<Option<u64>>,
    /// For how long the publisher keeps a group.
    kept: Duration,
    /// For how long the readers want it.
    wanted: Duration,
    meter: Arc<Meter>,
}

impl Receiver {
    fn new(track: TrackProducer, version: Version, wanted: Duration, meter: Arc<Meter>) -> Self {
        let pace = Pace {
            priority: 0,
            max_age: Duration::MAX,
            newest: 0,
        };
        let receiver = Self {
            track,
            version,
            tasks: JoinSet::new(),
            pace: watch::Sender::new(pace),
            timescale: watch::Sender::new(None),
            kept: Duration::MAX,
            wanted,
            meter,
        };
        receiver.set_pace();
        receiver
    }

    fn inform(&mut self, info: TrackInfo) {
        self.kept = info.max_age;
        self.set_pace();
        self.timescale.send_replace(Some(info.timescale));
    }

    fn set_max_age(&mut self, wanted: Duration) {
        self.wanted = wanted;
        self.set_pace();
    }

    /// The first versions know no age.
    fn set_pace(&self) {
        if self.version.has_ranges() {
            let max_age = self.kept.min(self.wanted);
            self.pace.send_modify(|pace| pace.max_age = max_age);
        }
    }

    fn life(&self, sequence: u64) -> Life {
        self.pace
            .send_modify(|pace| pace.newest = pace.newest.max(sequence));
        Life::new(sequence, self.pace.subscribe())
    }

    fn stream<S: Session>(&mut self, incoming: Incoming<S>) {
        let Incoming { header, mut reader } = incoming;
        let sequence = header.sequence;
        if header.frame_start > 0 {
            // Without its beginning it was not asked for and is of no use.
            return reader.abort(&Error::Unsupported);
        }
        // Not there: it came twice, or is older than what is kept.
        let Some(group) = self.track.create_group(model::Group { sequence }) else {
            return reader.abort(&Error::Old);
        };
        let reception = Reception {
            life: self.life(sequence),
            version: self.version,
            timescale: self.timescale.subscribe(),
            meter: self.meter.clone(),
        };
        self.tasks.spawn(reception.run(reader, group));
    }

    /// A datagram whose time cannot be told yet waits aside.
    fn datagram(&mut self, datagram: Datagram) {
        let mut timescale = self.timescale.subscribe();
        let mut track = self.track.clone();
        let meter = self.meter.clone();
        self.life(datagram.sequence);
        self.tasks.spawn(async move {
            let result = async {
                let timescale = wait(&mut timescale).await?;
                let time = micros(datagram.timestamp, timescale)?;
                let sequence = datagram.sequence;
                let group = track.create_group(model::Group { sequence });
                let mut group = group.ok_or(Error::Old)?;
                meter.frame(datagram.payload.len() as u64);
                group.write_frame_at(time, own(Pieces::from_iter([datagram.payload])))?;
                group.close();
                Ok(())
            };
            let result = result.await;
            meter.group(&result);
        });
    }
}

/// The scale, once it is known.
async fn wait(timescale: &mut watch::Receiver<Option<u64>>) -> Result<u64> {
    let known = timescale.wait_for(Option::is_some).await;
    known.ok().and_then(|known| *known).ok_or(Error::Cancel)
}

/// Reads one group.
struct Reception {
    life: Life,
    version: Version,
    timescale: watch::Receiver<Option<u64>>,
    meter: Arc<Meter>,
}

impl Reception {
    async fn run<R: RecvStream>(
        mut self,
        mut reader: Reader<R, Version>,
        mut group: GroupProducer,
    ) {
        let sequence = group.info.sequence;
        let frames = async {
            let timescale = wait(&mut self.timescale).await?;
            let (version, meter) = (self.version, &self.meter);
            read_frames(&mut reader, &mut group, version, timescale, meter).await
        };
        let result = tokio::select! {
            biased;
            result = frames => result,
            () = self.life.expired() => Err(Error::Old),
        };
        self.meter.group(&result);
        match result {
            Ok(()) => group.close(),
            Err(err) => {
                tracing::debug!(%err, sequence, "group not received whole");
                reader.abort(&err);
                group.abort(err);
            }
        }
    }
}
