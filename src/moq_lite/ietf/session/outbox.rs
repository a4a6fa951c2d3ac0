//! What is to be written to the control stream, and the numbers of our requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use web_transport_trait::SendStream;

use crate::moq_lite::{
    Error, Result,
    coding::{Encode, Writer},
    ietf::{Message, RequestId, Version},
};

/// Queues control messages. A clone is another handle.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    version: Version,
    queue: mpsc::UnboundedSender<Item>,
    waiting: AtomicUsize,
    /// Told when few messages wait again.
    drained: watch::Sender<()>,
    /// Told when too many messages wait.
    overflow: watch::Sender<bool>,
    requests: Mutex<RequestId>,
    limit: watch::Sender<u64>,
}

/// The other end of the queue.
pub(super) struct Outgoing {
    queue: mpsc::UnboundedReceiver<Item>,
    shared: Arc<Shared>,
}

enum Item {
    Message(Bytes),
    /// Whoever waits for what was queued before.
    Mark(oneshot::Sender<()>),
}

/// A peer that has us write so many answers and reads none is let go.
const MAX_WAITING: usize = 32 * 1024;

/// What we have to say of ourselves waits while so many messages do.
const MANY_WAITING: usize = 1024;

impl Outbox {
    /// For a client or a server whose peer allows requests below `limit`.
    pub(super) fn new(version: Version, client: bool, limit: u64) -> (Self, Outgoing) {
        let (sender, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            version,
            queue: sender,
            waiting: AtomicUsize::new(0),
            drained: watch::Sender::new(()),
            overflow: watch::Sender::new(false),
            requests: Mutex::new(RequestId(u64::from(!client))),
            limit: watch::Sender::new(limit),
        });
        (Self(shared.clone()), Outgoing { queue, shared })
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(super) fn send<M: Message>(&self, message: &M) -> Result<()> {
        let mut bytes = BytesMut::new();
        M::ID.encode(&mut bytes, self.0.version)?;
        message.encode(&mut bytes, self.0.version)?;
        tracing::trace!(?message, "sending");
        if self.0.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.0.overflow.send_replace(true);
        }
        // Nobody takes it when the session has ended, which is noticed elsewhere.
        let _ = self.0.queue.send(Item::Message(bytes.freeze()));
        Ok(())
    }

    /// Queues an answer to the peer.
    pub(super) fn answer<M: Message>(&self, message: &M) {
        if let Err(err) = self.send(message) {
            tracing::warn!(%err, ?message, "not sent");
        }
    }

    /// Waits until what is queued now is written, or never will be. It is asked for
    /// at once, whenever it is awaited.
    pub(super) fn written(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mark, written) = oneshot::channel();
        let _ = self.0.queue.send(Item::Mark(mark));
        async move {
            let _ = written.await;
        }
    }

    /// Queues a request when the peer allows one more. `build` may be called
    /// several times, and what it does is done before the peer sees the request.
    ///
    /// # Errors
    /// When it cannot be encoded. The number is free then.
    pub(super) async fn request<M: Message>(
        &self,
        mut build: impl FnMut(RequestId) -> M,
    ) -> Result<RequestId> {
        let mut limit = self.0.limit.subscribe();
        loop {
            // moq-transport 0.14 takes REQUESTS_BLOCKED as an unknown message and
            // ends the session, so the wait is a silent one.
            let allowed = *limit.borrow_and_update();
            {
                let mut next = self.0.requests.lock();
                if next.0 < allowed {
                    self.send(&build(*next))?;
                    return Ok(next.increment());
                }
            }
            limit.changed().await.map_err(|_| Error::Cancel)?;
        }
    }

    /// The peer allows requests below `limit`.
    ///
    /// # Errors
    /// [`Error::ProtocolViolation`] when that is not more than before.
    pub(super) fn allow(&self, limit: u64) -> Result<()> {
        let more = self.0.limit.send_if_modified(|now| {
            let more = limit > *now;
            *now = limit.max(*now);
            more
        });
        more.then_some(()).ok_or(Error::ProtocolViolation)
    }

    /// Waits until few messages wait.
    pub(super) async fn drained(&self) {
        let mut drained = self.0.drained.subscribe();
        while self.0.waiting.load(Ordering::Relaxed) >= MANY_WAITING {
            if drained.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Outgoing {
    /// Writes what is queued, for as long as the stream takes it.
    pub(super) async fn write<S: SendStream>(mut self, mut writer: Writer<S, Version>) -> Error {
        let mut overflow = self.shared.overflow.subscribe();
        while let Some(item) = self.queue.recv().await {
            let bytes = match item {
                Item::Message(bytes) => bytes,
                Item::Mark(mark) => {
                    let _ = mark.send(());
                    continue;
                }
            };
            let result = tokio::select! {
                result = writer.write_chunk(bytes) => result,
                _ = overflow.wait_for(|&too_many| too_many) => Err(Error::TooLarge),
            };
            if let Err(err) = result {
                return err;
            }
            if self.shared.waiting.fetch_sub(1, Ordering::Relaxed) == MANY_WAITING {
                self.shared.drained.send_replace(());
            }
        }
        Error::Cancel
    }
}
