//! What a session and the task that drives it tell each other.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::watch;

use super::{Error, Result, stats::Meters};

/// Shared by a session and its driver.
pub(crate) struct Status {
    server: bool,
    /// Where the peer asks this side to go.
    received: watch::Sender<Option<String>>,
    /// Where this side asks the peer to go.
    leave: watch::Sender<Option<String>>,
    /// How much the peer could send, in bit/s; 0 where it does not say.
    receive_rate: AtomicU64,
    pub(crate) meters: Meters,
}

impl Status {
    pub(crate) fn client() -> Self {
        Self {
            server: false,
            received: watch::Sender::default(),
            leave: watch::Sender::default(),
            receive_rate: AtomicU64::new(0),
            meters: Meters::default(),
        }
    }

    pub(crate) fn server() -> Self {
        Self {
            server: true,
            ..Self::client()
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

async fn wait(sender: &watch::Sender<Option<String>>) -> String {
    let mut receiver = sender.subscribe();
    let uri = receiver.wait_for(Option::is_some).await;
    uri.ok().and_then(|uri| uri.clone()).unwrap_or_default()
}
