//! Answers the peer's requests for tracks.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
};
use web_transport_trait::Session;

use super::{
    codes::{self, refused},
    fetching::Past,
    outbox::Outbox,
    serve::{Serving, Wish},
};
use crate::moq_lite::{
    Direction, Error, Excess, OriginConsumer, Path, PathOwned, Result, Track, TrackConsumer,
    coding::{Encode, Writer},
    ietf::{
        Control, Fetch, FetchError, FetchHeader, FetchOk, FetchType, GroupOrder, Location,
        RequestId, Subscribe, SubscribeError, SubscribeNamespace, SubscribeNamespaceError,
        SubscribeNamespaceOk, SubscribeOk, SubscribeUpdate, TrackStatus, TrackStatusError,
        TrackStatusOk, Version,
    },
    status::{Engaged, Status},
};

/// The most requests for the past that are answered at a time.
const MAX_FETCHES: usize = 64;

/// The most prefixes that a peer may follow at a time.
const MAX_PREFIXES: usize = 1024;

pub(super) struct Publisher<S: Session> {
    transport: S,
    version: Version,
    origin: OriginConsumer,
    outbox: Outbox,
    status: Arc<Status>,
    serving: HashMap<RequestId, Served>,
    /// Requests for the past that are being answered.
    fetches: HashMap<RequestId, AbortHandle>,
    prefixes: Vec<(PathOwned, Engaged)>,
    tasks: JoinSet<RequestId>,
}

/// A subscription of the peer.
struct Served {
    wish: watch::Sender<Wish>,
    largest: Option<Location>,
}

impl<S: Session> Publisher<S> {
    pub(super) fn new(
        transport: S,
        version: Version,
        origin: OriginConsumer,
        outbox: Outbox,
        status: Arc<Status>,
    ) -> Self {
        Self {
            transport,
            version,
            origin,
            outbox,
            status,
            serving: HashMap::new(),
            fetches: HashMap::new(),
            prefixes: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Handles messages for as long as the session lasts.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Control>) -> Error {
        loop {
            tokio::select! {
                message = inbox.recv() => {
                    let Some(message) = message else { return Error::Cancel };
                    if let Err(err) = self.handle(message) {
                        return err;
                    }
                }
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(id) => {
                        self.serving.remove(&id);
                        self.fetches.remove(&id);
                    }
                    // The peer has had enough.
                    Err(err) if err.is_cancelled() => {}
                    Err(_) => return Error::Cancel,
                },
            }
        }
    }

    /// # Errors
    /// What ends the session.
    fn handle(&mut self, message: Control) -> Result<()> {
        match message {
            Control::Subscribe(message) => return self.subscribe(&message),
            Control::SubscribeUpdate(message) => self.update(&message),
            Control::Unsubscribe(message) => {
                if let Some(served) = self.serving.get(&message.request_id) {
                    served.wish.send_modify(|wish| wish.stop = true);
                }
            }
            Control::TrackStatus(message) => self.track_status(&message),
            Control::Fetch(message) => self.fetch(&message),
            Control::FetchCancel(message) => {
                if let Some(fetch) = self.fetches.remove(&message.request_id) {
                    fetch.abort();
                }
            }
            Control::SubscribeNamespace(message) => self.subscribe_namespace(&message),
            Control::UnsubscribeNamespace(message) => {
                self.prefixes
                    .retain(|(prefix, _)| *prefix != message.namespace);
            }
            message => tracing::debug!(?message, "nothing to do"),
        }
        Ok(())
    }

    fn subscribe(&mut self, request: &Subscribe<'static>) -> Result<()> {
        let id = request.request_id;
        let full = self.serving.len() >= self.status.limits.requests;
        if full {
            self.status.exceed(Excess::Requests);
        }
        let Entry::Vacant(entry) = self.serving.entry(id) else {
            return Err(Error::ProtocolViolation);
        };
        let found = if full {
            Err(Error::TooLarge)
        } else {
            let priority = 255 - request.subscriber_priority;
            track(
                &self.origin,
                &request.track_namespace,
                &request.track_name,
                priority,
            )
        };
        let refuse = |error_code, reason: String| {
            tracing::debug!(%id, reason, "subscription refused");
            self.outbox.answer(&SubscribeError {
                request_id: id,
                error_code,
                reason_phrase: reason.into(),
            });
            Ok(())
        };
        let mut track = match found {
            Ok(track) => track,
            Err(err) => return refuse(codes::refusal(&err), err.to_string()),
        };
        let first = match request.start_location {
            Some(start) => {
                track.rewind(Duration::MAX);
                track.first_kept(start.group).or(track.latest())
            }
            None => track.latest(),
        };
        if let (Some(end), Some(first)) = (request.end_group, first)
            && end < first
        {
            return refuse(refused::INVALID_RANGE, "these groups are gone".to_owned());
        }
        tracing::debug!(broadcast = %request.track_namespace, track = %request.track_name, %id, "subscribed");
        let largest = first.and_then(before);
        self.outbox.answer(&SubscribeOk {
            request_id: id,
            track_alias: id.0,
            expires: 0,
            group_order: GroupOrder::Descending,
            largest_location: largest,
        });
        let (wish, wishes) = watch::channel(Wish::of(request));
        entry.insert(Served { wish, largest });
        let serving = Serving {
            transport: self.transport.clone(),
            version: self.version,
            outbox: self.outbox.clone(),
            id,
            wishes,
            meter: self.status.meters.start(
                Direction::Sent,
                request.track_namespace.as_str(),
                &request.track_name,
            ),
        };
        let engaged = self.status.engage();
        // moq-transport 0.14 holds streams that overtake the answer for a second only.
        let answered = self.outbox.written();
        self.tasks.spawn(async move {
            answered.await;
            serving.run(track).await;
            drop(engaged);
            id
        });
        Ok(())
    }

    /// The peer may narrow a subscription. What would widen it is not done.
    fn update(&mut self, update: &SubscribeUpdate) {
        let Some(served) = self.serving.get(&update.subscription_request_id) else {
            tracing::debug!(?update, "the subscription has ended");
            return;
        };
        served.wish.send_modify(|wish| {
            wish.start = wish.start.max(update.start_location);
            let end = update.end_group.checked_sub(1);
            wish.end = match (wish.end, end) {
                (Some(now), Some(end)) => Some(now.min(end)),
                (now, end) => now.or(end),
            };
            wish.priority = 255 - update.subscriber_priority;
            wish.forward = update.forward;
            wish.timeout = update.delivery_timeout.or(wish.timeout);
        });
    }

    fn track_status(&self, request: &TrackStatus<'_>) {
        let request_id = request.request_id;
        let (path, name) = (&request.track_namespace, &request.track_name);
        match track(&self.origin, path, name, 0) {
            Ok(track) => self.outbox.answer(&TrackStatusOk {
                request_id,
                track_alias: 0,
                expires: 0,
                group_order: GroupOrder::Descending,
                largest_location: track.latest().and_then(before),
            }),
            Err(err) => self.outbox.answer(&TrackStatusError {
                request_id,
                error_code: codes::refusal(&err),
                reason_phrase: err.to_string().into(),
            }),
        }
    }

    /// What is kept of a track is given out; there is no asking for more. A
    /// subscription brings the current group from its start, so there is nothing
    /// before it that joins: the answer is a stream without objects.
    fn fetch(&mut self, request: &Fetch<'_>) {
        let joined = match &request.fetch_type {
            FetchType::Standalone {
                namespace,
                track,
                start,
                end,
            } => {
                let broadcast = self.origin.consume_broadcast(namespace);
                let track = broadcast.and_then(|broadcast| broadcast.existing_track(track));
                return match track {
                    Some(track) => self.fetch_past(request, &track, *start, *end),
                    None => self.refuse_fetch(
                        request.request_id,
                        refused::DOES_NOT_EXIST,
                        "there is no such track",
                    ),
                };
            }
            FetchType::RelativeJoining {
                subscriber_request_id: id,
                ..
            }
            | FetchType::AbsoluteJoining {
                subscriber_request_id: id,
                ..
            } => match self.serving.get(id) {
                None => Err((refused::INVALID_JOINING, "there is no such subscription")),
                Some(served) => served
                    .largest
                    .ok_or((refused::INVALID_RANGE, "nothing is published before")),
            },
        };
        let request_id = request.request_id;
        match joined {
            Ok(largest) => {
                self.outbox.answer(&FetchOk {
                    request_id,
                    group_order: GroupOrder::Ascending,
                    end_of_track: false,
                    end_location: Location {
                        object: largest.object + 1,
                        ..largest
                    },
                });
                let (transport, version) = (self.transport.clone(), self.version);
                self.tasks.spawn(async move {
                    if let Err(err) = send_nothing(transport, version, request_id).await {
                        tracing::debug!(%err, "fetch not answered");
                    }
                    request_id
                });
            }
            Err((error_code, reason)) => self.refuse_fetch(request_id, error_code, reason),
        }
    }

    fn fetch_past(
        &mut self,
        request: &Fetch<'_>,
        track: &TrackConsumer,
        start: Location,
        end: Location,
    ) {
        let request_id = request.request_id;
        if self.fetches.len() >= MAX_FETCHES {
            let reason = "too many are being answered";
            return self.refuse_fetch(request_id, refused::INTERNAL, reason);
        }
        let past = match Past::find(track, start, end, request.group_order) {
            Ok(past) => past,
            Err((code, reason)) => return self.refuse_fetch(request_id, code, reason),
        };
        let group_order = match request.group_order {
            GroupOrder::Descending => GroupOrder::Descending,
            _ => GroupOrder::Ascending,
        };
        self.outbox.answer(&FetchOk {
            request_id,
            group_order,
            end_of_track: false,
            end_location: past.end(),
        });
        let priority = request.subscriber_priority;
        let sending = past.send(self.transport.clone(), self.version, request_id, priority);
        let engaged = self.status.engage();
        let task = self.tasks.spawn(async move {
            if let Err(err) = sending.await {
                tracing::debug!(%err, id = %request_id, "fetch not answered whole");
            }
            drop(engaged);
            request_id
        });
        self.fetches.insert(request_id, task);
    }

    fn refuse_fetch(&self, request_id: RequestId, error_code: u64, reason: &str) {
        self.outbox.answer(&FetchError {
            request_id,
            error_code,
            reason_phrase: reason.into(),
        });
    }

    /// Everything is announced anyway; this only says so.
    fn subscribe_namespace(&mut self, request: &SubscribeNamespace<'_>) {
        let request_id = request.request_id;
        let overlaps = self.prefixes.iter().any(|(prefix, _)| {
            prefix.has_prefix(&request.namespace) || request.namespace.has_prefix(prefix)
        });
        if overlaps || self.prefixes.len() >= MAX_PREFIXES {
            self.outbox.answer(&SubscribeNamespaceError {
                request_id,
                error_code: refused::PREFIX_OVERLAP,
                reason_phrase: "this prefix is followed already".into(),
            });
            return;
        }
        let engaged = self.status.engage();
        self.prefixes.push((request.namespace.to_owned(), engaged));
        self.outbox.answer(&SubscribeNamespaceOk { request_id });
    }
}

fn track(
    origin: &OriginConsumer,
    path: &Path<'_>,
    name: &str,
    priority: u8,
) -> Result<TrackConsumer> {
    let broadcast = origin.consume_broadcast(path).ok_or(Error::NotFound)?;
    let name = name.to_owned();
    let track = broadcast.subscribe_track(&Track { name, priority });
    match super::serve::now(track.closed()) {
        Some(Err(err)) => Err(err),
        _ => Ok(track),
    }
}

/// The largest object that a new subscription does not bring. The `first` group that it
/// brings comes from its start, so to this peer it is not published yet, nor are those after
/// it. That is the newest one, which makes the filters "next group" and "next object" mean
/// the same, and both be kept to the letter; or one of the past that the peer asks for by its
/// number and that is kept. How many objects the group before had does not matter.
fn before(first: u64) -> Option<Location> {
    let group = first.checked_sub(1)?;
    Some(Location { group, object: 0 })
}

async fn send_nothing<S: Session>(
    transport: S,
    version: Version,
    request_id: RequestId,
) -> Result<()> {
    let stream = transport.open_uni().await.map_err(Error::from_transport)?;
    let mut writer = Writer::new(stream, version);
    let mut head = bytes::BytesMut::new();
    FetchHeader::TYPE.encode(&mut head, version)?;
    FetchHeader { request_id }.encode(&mut head, version)?;
    writer.write_chunk(head.freeze()).await?;
    writer.finish()?;
    writer.closed().await
}
