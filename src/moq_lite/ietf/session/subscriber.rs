//! Takes in the peer's broadcasts and asks for the tracks that are read here.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use web_transport_trait::Session;

use super::{
    asked::Asked,
    codes::{self, refused},
    namespaces::{Namespaces, Reason},
    outbox::Outbox,
    subscription::{Subscription, published},
    table::{Event, Table},
};
use crate::moq_lite::{
    BroadcastProducer, Direction, Error, OriginProducer, Path, PathOwned, Result, Track,
    TrackProducer,
    ietf::{
        Control, FilterType, GroupOrder, Publish, PublishError, PublishNamespace,
        PublishNamespaceError, PublishNamespaceOk, PublishOk, SubscribeNamespace,
    },
    status::{Ask, Status},
};

/// How long a peer has to announce what is expected of it. moq-relay-ietf 0.7
/// never announces: it only answers subscriptions.
const GRACE: Duration = Duration::from_secs(1);

/// The priority of a track that nobody has asked for yet.
const UNASKED: u8 = 127;

pub(super) struct Subscriber<S: Session> {
    outbox: Outbox,
    table: Arc<Table<S>>,
    namespaces: Namespaces,
    /// What the peer is asked to announce.
    prefixes: Vec<PathOwned>,
    expected: Vec<PathOwned>,
    status: Arc<Status>,
    tasks: JoinSet<Ended>,
}

/// What to look after when a task has ended.
enum Ended {
    Nothing,
    Published(PathOwned),
    Grace(PathOwned),
}

impl<S: Session> Subscriber<S> {
    pub(super) fn new(
        outbox: Outbox,
        table: Arc<Table<S>>,
        origin: Option<OriginProducer>,
        expected: Vec<PathOwned>,
        status: Arc<Status>,
    ) -> Self {
        let allowed = origin.iter().flat_map(|origin| origin.allowed());
        let mut prefixes: Vec<PathOwned> = allowed.map(Path::to_owned).collect();
        prefixes.extend(expected.iter().cloned());
        // The draft forbids the empty prefix, and prefixes that cover each other.
        prefixes.retain(|prefix| !prefix.is_empty());
        prefixes.sort_by_key(|prefix| prefix.len());
        let mut apart: Vec<PathOwned> = Vec::new();
        for prefix in prefixes {
            if !apart.iter().any(|other| prefix.has_prefix(other)) {
                apart.push(prefix);
            }
        }
        Self {
            outbox,
            table,
            namespaces: Namespaces::new(origin, status.clone()),
            prefixes: apart,
            expected,
            status,
            tasks: JoinSet::new(),
        }
    }

    /// Handles messages for as long as the session lasts.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Control>) -> Error {
        self.ask(self.prefixes.clone());
        for path in self.expected.clone() {
            self.expect(path);
        }
        let status = self.status.clone();
        loop {
            tokio::select! {
                message = inbox.recv() => {
                    let Some(message) = message else { return Error::Cancel };
                    if let Err(err) = self.handle(message) {
                        return err;
                    }
                }
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(Ended::Published(path)) => self.namespaces.remove(&path, Reason::Published),
                    Ok(Ended::Grace(path)) => self.assume(&path),
                    Ok(Ended::Nothing) => {}
                    Err(_) => return Error::Cancel,
                },
                ask = status.next_ask() => self.ask_besides(ask),
            }
        }
    }

    fn ask_besides(&mut self, ask: Ask) {
        let covers = |prefix: &PathOwned| ask.path.has_prefix(prefix);
        if !ask.path.is_empty() && !self.prefixes.iter().any(covers) {
            self.prefixes.push(ask.path.clone());
            self.ask(vec![ask.path.clone()]);
        }
        self.namespaces.widen(ask.origin);
        self.expect(ask.path);
    }

    /// Takes it to be there if it is not announced in time.
    fn expect(&mut self, path: PathOwned) {
        self.tasks.spawn(async move {
            sleep(GRACE).await;
            Ended::Grace(path)
        });
    }

    /// Asks for announcements. moq-lite 0.12.0 takes no notice, moq-transport 0.14
    /// neither; both announce, if at all, without being asked.
    fn ask(&mut self, prefixes: Vec<PathOwned>) {
        let outbox = self.outbox.clone();
        self.tasks.spawn(async move {
            for prefix in prefixes {
                let build = |request_id| SubscribeNamespace {
                    request_id,
                    namespace: prefix.borrow(),
                };
                if let Err(err) = outbox.request(build).await {
                    tracing::warn!(%err, %prefix, "cannot ask for announcements");
                }
            }
            Ended::Nothing
        });
    }

    /// # Errors
    /// What ends the session.
    fn handle(&mut self, message: Control) -> Result<()> {
        match message {
            Control::PublishNamespace(message) => self.announced(&message),
            Control::PublishNamespaceDone(message) => {
                let path = message.track_namespace.to_owned();
                self.namespaces.remove(&path, Reason::Announced);
            }
            Control::Publish(message) => return self.publish(message),
            Control::SubscribeOk(message) => {
                self.table.name(message.request_id, message.track_alias)?;
                let accepted = Event::Accepted(message.largest_location);
                self.table.tell(message.request_id, accepted);
            }
            Control::SubscribeError(message) => {
                let err = codes::read_refusal(message.error_code);
                tracing::debug!(%err, reason = %message.reason_phrase, "subscription refused");
                self.table.tell(message.request_id, Event::Refused(err));
            }
            Control::PublishDone(message) => {
                let result = codes::read_end(message.status_code, &message.reason_phrase);
                let event = Event::Done(result, message.stream_count);
                self.table.tell(message.request_id, event);
            }
            message => tracing::debug!(?message, "answered"),
        }
        Ok(())
    }

    fn announced(&mut self, message: &PublishNamespace<'_>) {
        let request_id = message.request_id;
        let path = message.track_namespace.to_owned();
        match self.namespaces.add(&path, Reason::Announced) {
            Ok((producer, fresh)) => {
                self.outbox.answer(&PublishNamespaceOk { request_id });
                if fresh {
                    self.answer_requests(&path, producer, false);
                }
            }
            Err(err) => {
                tracing::debug!(%path, %err, "announcement refused");
                self.outbox.answer(&PublishNamespaceError {
                    request_id,
                    error_code: uninterested(&err),
                    reason_phrase: err.to_string().into(),
                });
            }
        }
    }

    fn assume(&mut self, path: &PathOwned) {
        if self.namespaces.contains(path) {
            return;
        }
        match self.namespaces.add(path, Reason::Assumed) {
            Ok((producer, _)) => {
                tracing::info!(%path, "the peer announces nothing; asking for the broadcast all the same");
                self.answer_requests(path, producer, true);
            }
            Err(err) => tracing::warn!(%path, %err, "the broadcast cannot be expected here"),
        }
    }

    fn publish(&mut self, message: Publish<'static>) -> Result<()> {
        let request_id = message.request_id;
        let path = message.track_namespace.to_owned();
        let (mut broadcast, fresh) = match self.namespaces.add(&path, Reason::Published) {
            Ok(added) => added,
            Err(err) => {
                self.outbox.answer(&PublishError {
                    request_id,
                    error_code: uninterested(&err),
                    reason_phrase: err.to_string().into(),
                });
                return Ok(());
            }
        };
        let events = self.table.add(request_id);
        self.table.name(request_id, message.track_alias)?;
        let meters = &self.status.meters;
        let meter = meters.start(Direction::Received, path.as_str(), &message.track_name);
        let track = broadcast.create_track(Track::new(message.track_name));
        if fresh {
            self.answer_requests(&path, broadcast, false);
        }
        self.outbox.answer(&PublishOk {
            request_id,
            forward: true,
            subscriber_priority: 255 - UNASKED,
            group_order: GroupOrder::Descending,
            filter_type: FilterType::NextGroup,
            start_location: None,
            end_group: None,
        });
        let (outbox, table) = (self.outbox.clone(), self.table.clone());
        self.tasks.spawn(async move {
            let asked = Asked::unasked(message.largest_location, UNASKED);
            published(outbox, table, request_id, track, (events, asked), meter).await;
            Ended::Published(path)
        });
        Ok(())
    }

    /// Subscribes to the tracks of a broadcast that somebody reads here.
    fn answer_requests(&mut self, path: &PathOwned, mut from: BroadcastProducer, patient: bool) {
        let (outbox, table, path) = (self.outbox.clone(), self.table.clone(), path.clone());
        let status = self.status.clone();
        let subscribe = move |track: TrackProducer| {
            let subscription = Subscription {
                outbox: outbox.clone(),
                table: table.clone(),
                broadcast: path.clone(),
                patient,
                status: status.clone(),
            };
            subscription.run(track)
        };
        self.tasks.spawn(async move {
            let mut tracks = JoinSet::new();
            loop {
                tokio::select! {
                    track = from.requested_track() => match track {
                        Some(track) => { tracks.spawn(subscribe(track)); }
                        // What is being read goes on to its own end.
                        None => break,
                    },
                    Some(_) = tracks.join_next() => {}
                }
            }
            while tracks.join_next().await.is_some() {}
            Ended::Nothing
        });
    }
}

fn uninterested(err: &Error) -> u64 {
    match err {
        Error::Unauthorized => refused::UNINTERESTED,
        _ => refused::INTERNAL,
    }
}
