//! Takes in the peer's unidirectional streams and datagrams, and hands each to the
//! subscription that it is for.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use web_transport_trait::Session;

use crate::moq_lite::{
    Error, Result,
    coding::{Decode, Reader},
    lite::{DataType, Datagram, Group, ProbeLevel, Setup, Version},
};

/// A group's stream of which the header was read.
pub(super) struct Incoming<S: Session> {
    pub(super) header: Group,
    pub(super) reader: Reader<S::RecvStream, Version>,
}

/// What the tasks of one session share.
pub(super) struct Shared<S: Session> {
    subscriptions: Mutex<Subscriptions<S>>,
    /// Streams that were accepted and not yet told to belong to a subscription.
    unknown: watch::Sender<usize>,
    settle: mpsc::UnboundedSender<oneshot::Sender<()>>,
    /// What the peer says about itself, once it has.
    setup: watch::Sender<Option<Setup>>,
}

struct Subscriptions<S: Session> {
    next: u64,
    map: HashMap<u64, Route<S>>,
}

struct Route<S: Session> {
    groups: mpsc::UnboundedSender<Incoming<S>>,
    datagrams: mpsc::Sender<Datagram>,
}

/// What arrives for one subscription.
pub(super) struct Arrivals<S: Session> {
    pub(super) groups: mpsc::UnboundedReceiver<Incoming<S>>,
    pub(super) datagrams: mpsc::Receiver<Datagram>,
}

/// The most datagrams that wait for one subscription; more are lost.
const MAX_DATAGRAMS: usize = 64;

/// Where whoever waits for everything to be handed over is answered.
pub(super) type Settle = mpsc::UnboundedReceiver<oneshot::Sender<()>>;

impl<S: Session> Shared<S> {
    /// `setup` is what the peer has said about itself already.
    pub(super) fn new(setup: Option<Setup>) -> (Arc<Self>, Settle) {
        let (sender, settle) = mpsc::unbounded_channel();
        let shared = Self {
            subscriptions: Mutex::new(Subscriptions {
                next: 0,
                map: HashMap::new(),
            }),
            unknown: watch::Sender::new(0),
            settle: sender,
            setup: watch::Sender::new(setup),
        };
        (Arc::new(shared), settle)
    }

    /// A new id, and where what is for it arrives.
    pub(super) fn register(&self) -> (u64, Arrivals<S>) {
        let (groups, groups_in) = mpsc::unbounded_channel();
        let (datagrams, datagrams_in) = mpsc::channel(MAX_DATAGRAMS);
        let mut subscriptions = self.subscriptions.lock();
        let id = subscriptions.next;
        subscriptions.next += 1;
        let route = Route { groups, datagrams };
        subscriptions.map.insert(id, route);
        let arrivals = Arrivals {
            groups: groups_in,
            datagrams: datagrams_in,
        };
        (id, arrivals)
    }

    /// What the peer does when it is probed, once it has said so. Cancel safe.
    pub(super) async fn probe_level(&self) -> ProbeLevel {
        let mut setup = self.setup.subscribe();
        let known = setup.wait_for(Option::is_some).await;
        let level = known.ok().and_then(|setup| Some(setup.as_ref()?.probe));
        level.unwrap_or_default()
    }

    pub(super) fn unregister(&self, id: u64) {
        self.subscriptions.lock().map.remove(&id);
    }

    /// Notes what the peer says about itself.
    ///
    /// # Errors
    /// [`Error::ProtocolViolation`] for the second time.
    fn set_up(&self, setup: Setup) -> Result<()> {
        tracing::debug!(?setup, "the peer is set up");
        match self.setup.send_replace(Some(setup)) {
            None => Ok(()),
            Some(_) => Err(Error::ProtocolViolation),
        }
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

/// Accepts unidirectional streams. Headers are read aside, so that a stream that
/// keeps its header back delays no other. Returns when the session must end.
pub(super) async fn accept_streams<S: Session>(
    transport: &S,
    version: Version,
    shared: &Arc<Shared<S>>,
    settle: &mut Settle,
) -> Error {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            // In this order: whoever asks is answered when no stream waits.
            biased;
            stream = transport.accept_uni() => match stream {
                Ok(stream) => {
                    shared.unknown.send_modify(|count| *count += 1);
                    let unknown = Unknown(shared.clone());
                    let reader = Reader::new(stream, version).with_codes(version.stream_code());
                    tasks.spawn(dispatch(reader, version, unknown));
                }
                Err(err) => return Error::from_transport(err),
            },
            Some(ended) = tasks.join_next() => if let Ok(Err(err)) = ended {
                return err;
            },
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

/// Reads what a stream begins with. An error is for the session.
async fn dispatch<S: Session>(
    mut reader: Reader<S::RecvStream, Version>,
    version: Version,
    unknown: Unknown<S>,
) -> Result<()> {
    let refused = match reader.decode::<DataType>().await {
        Ok(DataType::Setup) if version.has_setup_stream() => {
            return match reader.decode::<Setup>().await {
                Ok(setup) => unknown.0.set_up(setup),
                Err(err @ Error::Decode(_)) => Err(err),
                Err(_) => Ok(()),
            };
        }
        Ok(DataType::Setup) => Error::UnexpectedStream,
        Ok(DataType::Group) => match reader.decode::<Group>().await {
            Ok(header) => {
                let id = header.subscribe;
                let group = Incoming { header, reader };
                let rejected = match unknown.0.subscriptions.lock().map.get(&id) {
                    Some(route) => match route.groups.send(group) {
                        Ok(()) => return Ok(()),
                        Err(mpsc::error::SendError(group)) => group,
                    },
                    None => group,
                };
                reader = rejected.reader;
                Error::Cancel
            }
            Err(err) => err,
        },
        Err(err) => err,
    };
    tracing::debug!(err = %refused, "stream refused");
    reader.abort(&refused);
    Ok(())
}

/// Hands over datagrams for as long as the transport has any.
pub(super) async fn accept_datagrams<S: Session>(
    transport: &S,
    version: Version,
    shared: &Shared<S>,
) {
    while let Ok(mut bytes) = transport.recv_datagram().await {
        match Datagram::decode(&mut bytes, version) {
            Ok(datagram) => {
                let subscriptions = shared.subscriptions.lock();
                if let Some(route) = subscriptions.map.get(&datagram.subscribe) {
                    // One that does not fit is lost, as datagrams may be.
                    let _ = route.datagrams.try_send(datagram);
                }
            }
            Err(err) => tracing::debug!(%err, "datagram dropped"),
        }
    }
}
