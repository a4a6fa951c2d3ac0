//! Follows the peer's announcements below one prefix.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use tokio::{sync::mpsc, task::JoinSet};
use web_transport_trait::{RecvStream, Session};

use super::{incoming::Shared, publisher::Publisher, streams, subscription::Subscription};
use crate::moq_lite::{
    Broadcast, BroadcastProducer, Error, Excess, OriginProducer, PathOwned, Result, TrackProducer,
    coding::Reader,
    lite::{Announce, AnnounceInit, AnnounceOk, AnnouncePlease, ControlType, Hops, Route, Version},
    status::Engaged,
};

pub(super) struct Follower<S: Session> {
    pub(super) session: Publisher<S>,
    pub(super) origin: OriginProducer,
    pub(super) shared: Arc<Shared<S>>,
    pub(super) prefix: PathOwned,
}

impl<S: Session> Follower<S> {
    /// Ends well when the peer ends or resets the stream, with whatever code;
    /// then the broadcasts stay until the session ends. An error is for the
    /// session: the peer sent what it must not.
    pub(super) async fn run(self, initial: mpsc::Sender<()>) -> Result<()> {
        let mut tasks = JoinSet::new();
        let mut known = Known::default();
        match self.follow(&mut tasks, &mut known, initial).await {
            Ok(())
            | Err(
                Error::Cancel
                | Error::Old
                | Error::NotFound
                | Error::Unauthorized
                | Error::App(_)
                | Error::Transport(_),
            ) => {
                tracing::debug!(prefix = %self.prefix, "no more announcements");
                while tasks.join_next().await.is_some() {}
                Ok(())
            }
            Err(err) => Err(err),
        }
    }

    async fn follow(
        &self,
        tasks: &mut JoinSet<()>,
        known: &mut Known,
        initial: mpsc::Sender<()>,
    ) -> Result<()> {
        let version = self.session.version;
        let mut stream = streams::open(&self.session.transport, version).await?;
        stream.writer.encode(&ControlType::Announce).await?;
        let request = AnnouncePlease {
            prefix: self.prefix.borrow(),
            exclude_hop: self.session.hop,
        };
        stream.writer.encode(&request).await?;

        let mut reader = stream.reader;
        let mut missing = 0;
        if version.has_announce_init() {
            let first: AnnounceInit = reader.decode().await?;
            for suffix in first.suffixes {
                self.started(tasks, known, self.prefix.join(&suffix), Hops::default())?;
            }
        } else if version.has_announce_ok() {
            let ok: AnnounceOk = reader.decode().await?;
            known.responder = ok.hop;
            missing = ok.active;
        }
        let mut initial = Some(initial);
        loop {
            if missing == 0 {
                initial.take();
            }
            let change = tokio::select! {
                change = next_change(&mut reader, version) => change?,
                Some(_) = tasks.join_next() => continue,
            };
            match change {
                None => return Ok(()),
                Some(Change::Nothing) => {}
                Some(Change::Started(suffix, hops)) => {
                    missing = missing.saturating_sub(1);
                    self.started(tasks, known, self.prefix.join(&suffix), hops)?;
                }
                Some(Change::Ended(suffix)) => known.ended(&self.prefix.join(&suffix)),
                Some(Change::EndedId(id)) => {
                    let path = known.ids.remove(&id).ok_or(Error::ProtocolViolation)?;
                    known.ended(&path);
                }
                Some(Change::MovedId(id, hops)) => {
                    let path = known.ids.get(&id).ok_or(Error::ProtocolViolation)?.clone();
                    self.moved(tasks, known, path, &hops);
                }
            }
        }
    }

    fn started(
        &self,
        tasks: &mut JoinSet<()>,
        known: &mut Known,
        path: PathOwned,
        hops: Hops,
    ) -> Result<()> {
        if known.broadcasts.contains_key(&path) {
            if self.session.version.has_restart() {
                self.moved(tasks, known, path, &hops);
                return Ok(());
            }
            return Err(Error::Duplicate);
        }
        let status = &self.session.status;
        if known.broadcasts.len() >= status.limits.announcements {
            status.exceed(Excess::Announcements);
            return Err(Error::TooLarge);
        }
        if self.session.version.has_routes() {
            known.ids.insert(known.next, path.clone());
            known.next += 1;
        }
        known.broadcasts.insert(path.clone(), None);
        self.moved(tasks, known, path, &hops);
        Ok(())
    }

    /// A broadcast is there in one piece however it comes, unless it comes from
    /// here: then it is as good as gone.
    fn moved(&self, tasks: &mut JoinSet<()>, known: &mut Known, path: PathOwned, hops: &Hops) {
        let looped = hops.contains(self.session.hop) || hops.contains(known.responder);
        let Entry::Occupied(mut entry) = known.broadcasts.entry(path.clone()) else {
            return;
        };
        if looped {
            tracing::debug!(%path, "broadcast comes from here");
            if let Some(mut broadcast) = entry.get_mut().take() {
                broadcast.close();
            }
        } else if entry.get().is_none() {
            let broadcast = Broadcast::produce();
            entry.insert(Some(broadcast.producer.clone()));
            let requests = Requests {
                session: self.session.clone(),
                shared: self.shared.clone(),
                path: path.clone(),
                _engaged: self.session.status.engage(),
            };
            tasks.spawn(requests.run(broadcast.producer));
            tracing::debug!(%path, ?hops, "broadcast announced");
            self.origin.publish_broadcast(&path, broadcast.consumer);
        }
    }
}

/// What was announced on one stream.
#[derive(Default)]
struct Known {
    /// `None` for those that come from here.
    broadcasts: HashMap<PathOwned, Option<BroadcastProducer>>,
    /// The numbers of those that are there.
    ids: HashMap<u64, PathOwned>,
    next: u64,
    /// The peer among the hops.
    responder: u64,
}

impl Known {
    fn ended(&mut self, path: &PathOwned) {
        if let Some(Some(mut broadcast)) = self.broadcasts.remove(path) {
            tracing::debug!(%path, "broadcast ended");
            broadcast.close();
        }
    }
}

enum Change {
    Started(PathOwned, Hops),
    Ended(PathOwned),
    EndedId(u64),
    MovedId(u64, Hops),
    Nothing,
}

/// The next announcement; `None` when there are no more. Cancel safe.
async fn next_change<R: RecvStream>(
    reader: &mut Reader<R, Version>,
    version: Version,
) -> Result<Option<Change>> {
    if version.has_routes() {
        let route = reader.decode_maybe::<Route>().await?;
        return Ok(route.map(|route| match route {
            Route::Start { suffix, hops, .. } => Change::Started(suffix.into_owned(), hops),
            Route::End { id } => Change::EndedId(id),
            Route::Update { id, hops, .. } => Change::MovedId(id, hops),
            Route::Unknown => Change::Nothing,
        }));
    }
    let announce = reader.decode_maybe::<Announce>().await?;
    Ok(announce.map(|announce| match announce {
        Announce::Active { suffix, hops } | Announce::Restart { suffix, hops } => {
            Change::Started(suffix.into_owned(), hops)
        }
        Announce::Ended { suffix } => Change::Ended(suffix.into_owned()),
    }))
}

/// Subscribes to the tracks of one broadcast that somebody reads here.
struct Requests<S: Session> {
    session: Publisher<S>,
    shared: Arc<Shared<S>>,
    path: PathOwned,
    _engaged: Engaged,
}

impl<S: Session> Requests<S> {
    async fn run(self, mut broadcast: BroadcastProducer) {
        let mut tracks = JoinSet::new();
        loop {
            tokio::select! {
                track = broadcast.requested_track() => match track {
                    Some(track) => { tracks.spawn(self.subscribe(track)); }
                    // What is being read goes on to its own end.
                    None => break,
                },
                Some(_) = tracks.join_next() => {}
            }
        }
        while tracks.join_next().await.is_some() {}
    }

    fn subscribe(&self, track: TrackProducer) -> impl Future<Output = ()> + Send + use<S> {
        let subscription = Subscription {
            session: self.session.clone(),
            shared: self.shared.clone(),
            broadcast: self.path.clone(),
        };
        subscription.run(track)
    }
}
