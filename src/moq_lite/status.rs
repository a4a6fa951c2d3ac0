//! What a session and the task that drives it tell each other.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{Error, Excess, Limits, OriginProducer, PathOwned, Result, stats::Meters};

/// Shared by a session and its driver.
pub(crate) struct Status {
    server: bool,
    /// Where the peer asks this side to go.
    received: watch::Sender<Option<String>>,
    /// Where this side asks the peer to go.
    leave: watch::Sender<Option<String>>,
    /// How much the peer could send, in bit/s; 0 where it does not say.
    receive_rate: AtomicU64,
    pub(crate) limits: Limits,
    exceeded: watch::Sender<Option<Excess>>,
    /// What the peer waits for or offers.
    engagements: watch::Sender<usize>,
    /// What this side wants besides, and the driver has not asked for yet.
    asks: Mutex<VecDeque<Ask>>,
    asked: Notify,
    pub(crate) meters: Meters,
}

/// Broadcasts that turned out to be wanted, and where they go.
pub(crate) struct Ask {
    pub(crate) path: PathOwned,
    pub(crate) origin: OriginProducer,
}

impl Status {
    pub(crate) fn client() -> Self {
        Self {
            server: false,
            received: watch::Sender::default(),
            leave: watch::Sender::default(),
            receive_rate: AtomicU64::new(0),
            limits: Limits::default(),
            exceeded: watch::Sender::default(),
            engagements: watch::Sender::default(),
            asks: Mutex::default(),
            asked: Notify::new(),
            meters: Meters::default(),
        }
    }

    pub(crate) fn server() -> Self {
        Self {
            server: true,
            ..Self::client()
        }
    }

    pub(crate) fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Notes that the peer asked for more than it may have.
    pub(crate) fn exceed(&self, excess: Excess) {
        self.exceeded.send_replace(Some(excess));
    }

    /// A view of the limits that the peer reaches.
    pub(crate) fn excesses(&self) -> watch::Receiver<Option<Excess>> {
        self.exceeded.subscribe()
    }

    /// The peer waits for something or offers something, for as long as what is returned
    /// lives.
    pub(crate) fn engage(self: &Arc<Self>) -> Engaged {
        self.engagements.send_modify(|count| *count += 1);
        Engaged(self.clone())
    }

    /// Waits until the peer has neither waited for nor offered anything for so long.
    /// Cancel safe.
    pub(crate) async fn idle(&self, after: Duration) {
        let mut engagements = self.engagements.subscribe();
        loop {
            if engagements.wait_for(|count| *count == 0).await.is_err() {
                return std::future::pending().await;
            }
            tokio::select! {
                () = sleep(after) => return,
                // The sender is here.
                _ = engagements.changed() => {}
            }
        }
    }

    /// Has the driver ask for more.
    pub(crate) fn ask(&self, ask: Ask) {
        self.asks.lock().push_back(ask);
        self.asked.notify_one();
    }

    /// Waits for what to ask for besides. For one task. Cancel safe.
    pub(crate) async fn next_ask(&self) -> Ask {
        loop {
            if let Some(ask) = self.asks.lock().pop_front() {
                return ask;
            }
            self.asked.notified().await;
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        self.server
    }

    /// Notes how much the peer could send.
    pub(crate) fn set_receive_rate(&self, rate: Option<u64>) {
        self.receive_rate.store(rate.unwrap_or(0), Relaxed);
    }

    pub(crate) fn receive_rate(&self) -> Option<u64> {
        Some(self.receive_rate.load(Relaxed)).filter(|&rate| rate > 0)
    }

    /// The most bytes of a URI in GOAWAY.
    pub(crate) const MAX_URI: usize = 8192;

    /// Notes the peer's GOAWAY.
    ///
    /// # Errors
    /// [`Error::ProtocolViolation`] for a second one.
    pub(crate) fn goaway(&self, uri: String) -> Result<()> {
        let mut first = false;
        self.received.send_if_modified(|received| {
            first = received.is_none();
            if first {
                *received = Some(uri);
            }
            first
        });
        first.then_some(()).ok_or(Error::ProtocolViolation)
    }

    /// Waits for the peer's GOAWAY. Cancel safe.
    pub(crate) async fn gone_away(&self) -> String {
        wait(&self.received).await
    }

    /// Has the driver send GOAWAY; the first counts.
    pub(crate) fn leave(&self, uri: String) -> bool {
        self.leave.send_if_modified(|leave| {
            let first = leave.is_none();
            leave.get_or_insert(uri);
            first
        })
    }

    /// Waits for the GOAWAY to send. Cancel safe.
    pub(crate) async fn leaving(&self) -> String {
        wait(&self.leave).await
    }
}

/// Something that the peer waits for or offers.
pub(crate) struct Engaged(Arc<Status>);

impl Drop for Engaged {
    fn drop(&mut self) {
        self.0.engagements.send_modify(|count| *count -= 1);
    }
}

async fn wait(sender: &watch::Sender<Option<String>>) -> String {
    let mut receiver = sender.subscribe();
    let uri = receiver.wait_for(Option::is_some).await;
    uri.ok().and_then(|uri| uri.clone()).unwrap_or_default()
}
