//! A running session.

use std::{future::Future, sync::Arc};

use tokio::{sync::watch, task::AbortHandle};
use web_transport_trait::Stats as _;

use super::{
    AsPath, Error, Excess, OriginProducer, SessionStats,
    status::{Ask, Status},
    version::Version,
};

/// A session that both sides agreed on. Its work is done by one task, which
/// owns every other task of the session.
///
/// Dropping it closes the transport and ends that task.
pub struct Session {
    version: Version,
    transport: Box<dyn Transport>,
    congestion_window: Option<Box<dyn Fn() -> Option<u64> + Send + Sync>>,
    status: Arc<Status>,
    driver: AbortHandle,
    ended: watch::Receiver<Option<Error>>,
}

impl Session {
    /// Runs `driver` for as long as the session lasts.
    pub(super) fn start<S: web_transport_trait::Session>(
        transport: S,
        version: Version,
        status: Arc<Status>,
        driver: impl Future<Output = Error> + Send + 'static,
    ) -> Self {
        let (end, ended) = watch::channel(None);
        let closing = transport.clone();
        let task = tokio::spawn(async move {
            let err = driver.await;
            tracing::debug!(%err, "session ended");
            close(&closing, &err, version.session_code());
            end.send_replace(Some(err));
        });
        Self {
            version,
            transport: Box::new(transport),
            congestion_window: None,
            status,
            driver: task.abort_handle(),
            ended,
        }
    }

    /// Lets [`Self::stats`] tell the congestion window, in bytes: `look` asks the
    /// transport for it, which `web_transport_trait` has no words for.
    pub fn with_congestion_window(
        mut self,
        look: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        self.congestion_window = Some(Box::new(look));
        self
    }

    /// The version that was agreed on, such as `moq-lite-02`.
    pub fn version_name(&self) -> &'static str {
        self.version.name()
    }

    /// The smoothed round-trip time, when the transport measures it.
    pub fn rtt(&self) -> Option<std::time::Duration> {
        self.transport.rtt()
    }

    /// What the session has carried so far, and what the transport knows.
    pub fn stats(&self) -> SessionStats {
        let mut stats = SessionStats {
            version: self.version.name(),
            congestion_window: self.congestion_window.as_ref().and_then(|look| look()),
            receive_rate: self.status.receive_rate(),
            ..self.transport.stats()
        };
        self.status.meters.read(&mut stats);
        stats
    }

    /// Asks the peer for what it announces at `path` and below as well, and puts it into `origin`,
    /// as far as that producer is allowed to publish it. For broadcasts that turn out to be wanted when the session
    /// runs already. What was asked for before is not asked for twice. In moq-transport the broadcast `path`
    /// is taken to be there even though the peer announces nothing, as for [`Client::with_expected`](super::Client::with_expected).
    pub fn ask(&self, path: impl AsPath, origin: OriginProducer) {
        let path = path.as_path().to_owned();
        self.status.ask(Ask { path, origin });
    }

    /// Waits until the peer asks this side to leave, with GOAWAY, and gives the URI to
    /// connect to instead; empty for the same one. `None` when the session ended.
    /// The session goes on until it is dropped. Cancel safe.
    pub async fn goaway(&self) -> Option<String> {
        tokio::select! {
            biased;
            uri = self.status.gone_away() => Some(uri),
            _ = self.closed() => None,
        }
    }

    /// Asks the peer to leave and to connect to `uri`, or again to the same one when
    /// it is empty. Only servers may name another. Only the first call counts.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the version has no GOAWAY or this is a client
    /// that names a URI, [`Error::TooLarge`] beyond 8192 bytes.
    pub fn send_goaway(&self, uri: &str) -> Result<(), Error> {
        if !self.version.has_goaway() || !(self.status.is_server() || uri.is_empty()) {
            return Err(Error::Unsupported);
        }
        if uri.len() > Status::MAX_URI {
            return Err(Error::TooLarge);
        }
        self.status.leave(uri.to_owned());
        Ok(())
    }

    /// Closes the transport with the code and text of `err`.
    pub fn close(self, err: Error) {
        self.transport.close(&err, self.version.session_code());
    }

    /// Waits until the peer has neither waited for nor offered anything for so long: no
    /// request of it is open, and it announces no broadcast. Cancel safe.
    pub async fn idle(&self, after: std::time::Duration) {
        self.status.idle(after).await;
    }

    /// Tells of each [limit](super::Limits) that the peer reaches; of those in quick succession
    /// perhaps only of the last.
    pub fn excesses(&self) -> watch::Receiver<Option<Excess>> {
        self.status.excesses()
    }

    /// As [`Self::close`] while others hold the session too; it has ended once
    /// [`Self::closed`] says so.
    pub fn end(&self, err: Error) {
        self.transport.close(&err, self.version.session_code());
    }

    /// Waits until the session has ended, for whatever reason. Cancel safe.
    ///
    /// # Errors
    /// Always: the reason. [`Error::Cancel`] when the peer left in order.
    pub async fn closed(&self) -> Result<(), Error> {
        let mut ended = self.ended.clone();
        let err = match ended.wait_for(Option::is_some).await {
            Ok(err) => err.clone(),
            Err(_) => None,
        };
        Err(err.unwrap_or(Error::Cancel))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let code = self.version.session_code();
        self.transport.close(&Error::Cancel, code);
        self.driver.abort();
    }
}

/// What a session needs of any transport once it runs.
trait Transport: Send + Sync {
    fn close(&self, err: &Error, code: fn(&Error) -> u32);
    fn rtt(&self) -> Option<std::time::Duration>;
    fn stats(&self) -> SessionStats;
}

impl<S: web_transport_trait::Session> Transport for S {
    fn close(&self, err: &Error, code: fn(&Error) -> u32) {
        close(self, err, code);
    }

    fn rtt(&self) -> Option<std::time::Duration> {
        web_transport_trait::Session::stats(self).rtt()
    }

    fn stats(&self) -> SessionStats {
        let stats = web_transport_trait::Session::stats(self);
        SessionStats {
            rtt: stats.rtt(),
            send_rate: stats.estimated_send_rate(),
            bytes_sent: stats.bytes_sent(),
            bytes_received: stats.bytes_received(),
            bytes_lost: stats.bytes_lost(),
            packets_sent: stats.packets_sent(),
            packets_received: stats.packets_received(),
            packets_lost: stats.packets_lost(),
            ..SessionStats::default()
        }
    }
}

/// Closes a transport: in order for [`Error::Cancel`], without telling the peer
/// its own error. `code` is the table of the version.
pub(super) fn close<S: web_transport_trait::Session>(
    transport: &S,
    err: &Error,
    code: fn(&Error) -> u32,
) {
    match err {
        Error::Cancel => transport.close(0, ""),
        Error::Transport(_) => transport.close(1, ""),
        err => transport.close(code(err), &err.to_string()),
    }
}
