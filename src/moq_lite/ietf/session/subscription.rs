//! One subscription of ours: its request, its groups, its end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use web_transport_trait::Session;

use super::{
    asked::Asked,
    codes::Scope,
    outbox::Outbox,
    receive::{self, After, receive},
    table::{Event, Events, Table},
};
use crate::moq_lite::{
    Direction, Error, PathOwned, Result, TrackProducer,
    ietf::{RequestId, Unsubscribe},
    life::{Life, Pace},
    stats::Meter,
    status::Status,
};

/// How long streams may come after the end of a track when the publisher does not
/// know how many they are. moq-lite 0.12.0 and moq-transport 0.14 always say 0.
const LINGER: Duration = Duration::from_secs(1);

/// How long to wait before a broadcast that nobody announces is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Subscription<S: Session> {
    pub(super) outbox: Outbox,
    pub(super) table: Arc<Table<S>>,
    pub(super) broadcast: PathOwned,
    /// Asks again when the broadcast is not there.
    pub(super) patient: bool,
    pub(super) status: Arc<Status>,
}

impl<S: Session> Subscription<S> {
    /// Fills `track` until it ends or nobody reads it any more.
    pub(super) async fn run(self, track: TrackProducer) {
        let result = tokio::select! {
            biased;
            result = self.ask(&track) => result,
            () = track.unused() => Err(Error::Cancel),
        };
        tracing::debug!(broadcast = %self.broadcast, track = %track.info.name, ?result, "subscription ended");
        end(track, result);
    }

    async fn ask(&self, track: &TrackProducer) -> Result<()> {
        let mut seen = None;
        loop {
            match self.ask_once(track, seen).await {
                Err(Error::NotFound) if self.patient => sleep(AGAIN).await,
                Ok(Some(end)) => {
                    seen = Some(end);
                    // The track goes on, for readers that want more of it.
                    let mut demand = track.demand();
                    while demand.end.is_some_and(|wanted| wanted <= end) {
                        demand = track.demand_changed(&demand).await;
                    }
                }
                result => return result.map(|_| ()),
            }
        }
    }

    /// The last group that was asked for, if that is what came to its end and not the track.
    async fn ask_once(&self, track: &TrackProducer, seen: Option<u64>) -> Result<Option<u64>> {
        let mut asked = Asked::new(&track.demand(), seen);
        let mut events = None;
        // Answers and streams may be quick, so the table knows the number first.
        let id = self
            .outbox
            .request(|id| {
                events = Some(self.table.add(id));
                asked.request(id, &self.broadcast, &track.info.name)
            })
            .await?;
        let mut standing = Standing {
            outbox: &self.outbox,
            table: &self.table,
            id,
            ended: false,
        };
        let Some(mut events) = events else {
            return Err(Error::Cancel);
        };
        let meters = &self.status.meters;
        let meter = meters.start(
            Direction::Received,
            self.broadcast.as_str(),
            &track.info.name,
        );
        asked.want(&track.demand());
        let scope = fill(track, &mut events, &mut asked, &mut standing, &meter).await?;
        Ok(asked.end().filter(|_| scope == Scope::Subscription))
    }
}

/// Fills `track` with what the peer publishes under the request `id`.
pub(super) async fn published<S: Session>(
    outbox: Outbox,
    table: Arc<Table<S>>,
    id: RequestId,
    track: TrackProducer,
    (mut events, mut asked): (Events<S>, Asked),
    meter: Arc<Meter>,
) {
    let mut standing = Standing {
        outbox: &outbox,
        table: &table,
        id,
        ended: false,
    };
    let result = fill(&track, &mut events, &mut asked, &mut standing, &meter).await;
    end(track, result.map(|_| ()));
}

fn end(track: TrackProducer, result: Result<()>) {
    match result {
        Ok(()) => track.close(),
        Err(err) => track.abort(err),
    }
}

/// A subscription that the peer knows of. Dropping it takes it back.
struct Standing<'a, S: Session> {
    outbox: &'a Outbox,
    table: &'a Table<S>,
    id: RequestId,
    /// The peer ended it.
    ended: bool,
}

impl<S: Session> Drop for Standing<'_, S> {
    fn drop(&mut self) {
        self.table.remove(self.id);
        if !self.ended {
            let request_id = self.id;
            self.outbox.answer(&Unsubscribe { request_id });
        }
    }
}

/// What is known of the end of a track.
struct End {
    streams: u64,
    deadline: Instant,
}

async fn fill<S: Session>(
    track: &TrackProducer,
    events: &mut Events<S>,
    asked: &mut Asked,
    standing: &mut Standing<'_, S>,
    meter: &Arc<Meter>,
) -> Result<Scope> {
    let mut scope = Scope::Track;
    let mut groups = JoinSet::new();
    let mut received = 0;
    let mut end: Option<End> = None;
    let mut demand = track.demand();
    let pace = watch::Sender::new(Pace {
        priority: 0,
        max_age: demand.max_age,
        newest: 0,
    });
    let life = |sequence: u64| {
        pace.send_modify(|pace| pace.newest = pace.newest.max(sequence));
        Life::new(sequence, pace.subscribe())
    };
    let ends_by = |streams| End {
        streams,
        deadline: Instant::now() + LINGER,
    };
    loop {
        let deadline = match &end {
            Some(end) if end.streams == received => {
                while groups.join_next().await.is_some() {}
                return Ok(scope);
            }
            Some(end) => Some(end.deadline),
            None => None,
        };
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(Event::Group(group)) => {
                    received += 1;
                    let life = life(group.header.group_id);
                    groups.spawn(receive(group, track.clone(), life, meter.clone()));
                }
                Some(Event::Datagram(datagram)) => {
                    life(datagram.group_id);
                    let after = receive::alone(datagram, track.clone(), meter);
                    if after == After::EndOfTrack && end.is_none() {
                        end = Some(ends_by(UNKNOWN));
                    }
                }
                Some(Event::Done(result, streams)) => {
                    standing.ended = true;
                    scope = result?;
                    end = Some(ends_by(streams));
                }
                Some(Event::Accepted(largest)) => asked.accept(largest),
                Some(Event::Refused(err)) => {
                    standing.ended = true;
                    return Err(err);
                }
                None => return Err(Error::Cancel),
            },
            Some(after) = groups.join_next() => {
                // Other groups may be on their way still.
                if after.is_ok_and(|after| after == After::EndOfTrack) && end.is_none() {
                    end = Some(ends_by(UNKNOWN));
                }
            }
            changed = track.demand_changed(&demand) => {
                demand = changed;
                pace.send_modify(|pace| pace.max_age = demand.max_age);
                asked.want(&demand);
            }
            updated = standing.outbox.request(|id| asked.update(id, standing.id)), if asked.is_due() && end.is_none() => {
                updated?;
                asked.told();
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                end = Some(ends_by(received));
            }
        }
    }
}

/// A number of streams that is not reached.
const UNKNOWN: u64 = u64::MAX;
