//! Asks the peer for its broadcasts and takes in its groups.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use web_transport_trait::Session;

use super::{
    order,
    subscription::{Incoming, Subscription},
};
use crate::moq_lite::{
    Broadcast, BroadcastProducer, Error, OriginProducer, Path, PathOwned, Result, TrackProducer,
    coding::{Reader, Stream},
    lite::{Announce, AnnounceInit, AnnouncePlease, ControlType, DataType, Group, Version},
};

/// The most broadcasts that a peer may announce at a time.
const MAX_BROADCASTS: usize = 10_000;

pub(super) struct Subscriber<S: Session> {
    transport: S,
    origin: Option<OriginProducer>,
    version: Version,
    shared: Arc<Shared<S>>,
    settle: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
}

/// What the tasks of one session share.
pub(super) struct Shared<S: Session> {
    subscriptions: Mutex<Subscriptions<S>>,
    /// Streams that were accepted and not yet told to belong to a subscription.
    unknown: watch::Sender<usize>,
    settle: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

struct Subscriptions<S: Session> {
    next: u64,
    map: HashMap<u64, mpsc::UnboundedSender<Incoming<S>>>,
}

impl<S: Session> Shared<S> {
    /// A new id, and where the groups for it arrive.
    pub(super) fn register(&self) -> (u64, mpsc::UnboundedReceiver<Incoming<S>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut subscriptions = self.subscriptions.lock();
        let id = subscriptions.next;
        subscriptions.next += 1;
        subscriptions.map.insert(id, sender);
        (id, receiver)
    }

    pub(super) fn unregister(&self, id: u64) {
        self.subscriptions.lock().map.remove(&id);
    }

    /// Waits until every stream that has arrived is handed to its subscription.
    pub(super) async fn settled(&self) {
        let (done, accepted) = oneshot::channel();
        if self.settle.send(done).is_err() || accepted.await.is_err() {
            return;
        }
        // A stream without a header must not hold up the end of a track.
        let mut unknown = self.unknown.subscribe();
        let _ = timeout(SETTLE_TIMEOUT, unknown.wait_for(|&count| count == 0)).await;
    }
}

/// How long a stream may keep its header back at the end of a track.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

impl<S: Session> Subscriber<S> {
    pub(super) fn new(transport: S, origin: Option<OriginProducer>, version: Version) -> Self {
        let (sender, settle) = mpsc::unbounded_channel();
        let shared = Shared {
            subscriptions: Mutex::new(Subscriptions {
                next: 0,
                map: HashMap::new(),
            }),
            unknown: watch::Sender::new(0),
            settle: sender,
        };
        Self {
            transport,
            origin,
            version,
            shared: Arc::new(shared),
            settle,
        }
    }

    /// Returns when the session must end.
    pub(super) async fn run(mut self, ready: oneshot::Sender<()>) -> Error {
        let announced = self.announcements(ready);
        let groups = accept_groups(
            &self.transport,
            self.version,
            &self.shared,
            &mut self.settle,
        );
        tokio::select! {
            err = announced => err,
            err = groups => err,
        }
    }

    /// One announce stream for each prefix that the origin takes.
    fn announcements(
        &self,
        ready: oneshot::Sender<()>,
    ) -> impl Future<Output = Error> + Send + use<S> {
        let mut streams = JoinSet::new();
        let (initial, mut pending) = mpsc::channel::<()>(1);
        if let Some(origin) = &self.origin {
            for prefix in origin.allowed() {
                let follower = Follower {
                    transport: self.transport.clone(),
                    origin: origin.clone(),
                    version: self.version,
                    shared: self.shared.clone(),
                    prefix: prefix.to_owned(),
                };
                streams.spawn(follower.run(initial.clone()));
            }
        }
        drop(initial);
        async move {
            let mut ready = Some(ready);
            loop {
                tokio::select! {
                    // Every follower has dropped its end: the first sets are in.
                    None = pending.recv(), if ready.is_some() => {
                        ready.take().map(|ready| ready.send(()));
                    }
                    Some(ended) = streams.join_next() => match ended {
                        Ok(Err(err)) => return err,
                        Ok(Ok(())) => {}
                        Err(_) => return Error::Cancel,
                    },
                    else => std::future::pending().await,
                }
            }
        }
    }
}

/// Accepts the streams of groups. Headers are read aside, so that a stream that
/// keeps its header back delays no other.
async fn accept_groups<S: Session>(
    transport: &S,
    version: Version,
    shared: &Arc<Shared<S>>,
    settle: &mut mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) -> Error {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            // In this order: whoever asks is answered when no stream waits.
            biased;
            stream = transport.accept_uni() => match stream {
                Ok(stream) => {
                    shared.unknown.send_modify(|count| *count += 1);
                    let unknown = Unknown(shared.clone());
                    streams.spawn(dispatch(Reader::new(stream, version), unknown));
                }
                Err(err) => return Error::from_transport(err),
            },
            Some(_) = streams.join_next() => {}
            Some(done) = settle.recv() => {
                let _ = done.send(());
            }
        }
    }
}

/// Counts a stream as unknown until it is dropped.
struct Unknown<S: Session>(Arc<Shared<S>>);

impl<S: Session> Drop for Unknown<S> {
    fn drop(&mut self) {
        self.0.unknown.send_modify(|count| *count -= 1);
    }
}

/// Reads the header of a stream and hands it to its subscription.
async fn dispatch<S: Session>(mut reader: Reader<S::RecvStream, Version>, unknown: Unknown<S>) {
    let header = async {
        match reader.decode::<DataType>().await? {
            DataType::Group => reader.decode::<Group>().await,
        }
    };
    let refused = match header.await {
        Ok(header) => {
            let id = header.subscribe;
            let group = Incoming { header, reader };
            match unknown.0.subscriptions.lock().map.get(&id) {
                Some(subscription) => match subscription.send(group) {
                    Ok(()) => return,
                    Err(mpsc::error::SendError(group)) => (group.reader, Error::Cancel),
                },
                None => (group.reader, Error::Cancel),
            }
        }
        Err(err) => (reader, err),
    };
    let (mut reader, err) = refused;
    tracing::debug!(%err, "group refused");
    reader.abort(&err);
}

/// Follows the announcements below one prefix.
struct Follower<S: Session> {
    transport: S,
    origin: OriginProducer,
    version: Version,
    shared: Arc<Shared<S>>,
    prefix: PathOwned,
}

impl<S: Session> Follower<S> {
    /// Ends well when the peer ends or resets the stream, with whatever code;
    /// then the broadcasts stay until the session ends. An error is for the
    /// session: the peer sent what it must not.
    async fn run(self, initial: mpsc::Sender<()>) -> Result<()> {
        let mut tasks = JoinSet::new();
        let mut active = HashMap::new();
        match self.follow(&mut tasks, &mut active, initial).await {
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
        active: &mut HashMap<PathOwned, BroadcastProducer>,
        initial: mpsc::Sender<()>,
    ) -> Result<()> {
        let mut stream = Stream::open(&self.transport, self.version).await?;
        stream.writer.set_priority(order::CONTROL);
        stream.writer.encode(&ControlType::Announce).await?;
        let prefix = self.prefix.borrow();
        stream.writer.encode(&AnnouncePlease { prefix }).await?;

        let first: AnnounceInit = stream.reader.decode().await?;
        for suffix in first.suffixes {
            self.started(tasks, active, suffix)?;
        }
        drop(initial);
        loop {
            tokio::select! {
                change = stream.reader.decode_maybe::<Announce>() => match change? {
                    Some(Announce::Active { suffix }) => self.started(tasks, active, suffix)?,
                    Some(Announce::Ended { suffix }) => self.ended(active, &suffix),
                    None => return Ok(()),
                },
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    fn started(
        &self,
        tasks: &mut JoinSet<()>,
        active: &mut HashMap<PathOwned, BroadcastProducer>,
        suffix: Path,
    ) -> Result<()> {
        if active.len() >= MAX_BROADCASTS {
            return Err(Error::TooLarge);
        }
        let path = self.prefix.join(&suffix);
        let Entry::Vacant(entry) = active.entry(path.clone()) else {
            return Err(Error::Duplicate);
        };
        let broadcast = Broadcast::produce();
        entry.insert(broadcast.producer.clone());
        let requests = Requests {
            transport: self.transport.clone(),
            version: self.version,
            shared: self.shared.clone(),
            path: path.clone(),
        };
        tasks.spawn(requests.run(broadcast.producer));
        tracing::debug!(%path, "broadcast announced");
        self.origin.publish_broadcast(&path, broadcast.consumer);
        Ok(())
    }

    fn ended(&self, active: &mut HashMap<PathOwned, BroadcastProducer>, suffix: &Path) {
        let path = self.prefix.join(suffix);
        if let Some(mut broadcast) = active.remove(&path) {
            tracing::debug!(%path, "broadcast ended");
            broadcast.close();
        }
    }
}

/// Subscribes to the tracks of one broadcast that somebody reads here.
struct Requests<S: Session> {
    transport: S,
    version: Version,
    shared: Arc<Shared<S>>,
    path: PathOwned,
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
            transport: self.transport.clone(),
            version: self.version,
            shared: self.shared.clone(),
            broadcast: self.path.clone(),
        };
        subscription.run(track)
    }
}
