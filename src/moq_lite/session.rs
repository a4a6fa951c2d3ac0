//! A running session.

use std::future::Future;

use tokio::{sync::watch, task::AbortHandle};
use web_transport_trait::Stats as _;

use super::{Error, version::Version};

/// A session that both sides agreed on. Its work is done by one task, which
/// owns every other task of the session.
///
/// Dropping it closes the transport and ends that task.
pub struct Session {
    version: Version,
    transport: Box<dyn Transport>,
    driver: AbortHandle,
    ended: watch::Receiver<Option<Error>>,
}

impl Session {
    /// Runs `driver` for as long as the session lasts.
    pub(super) fn start<S: web_transport_trait::Session>(
        transport: S,
        version: Version,
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
            driver: task.abort_handle(),
            ended,
        }
    }

    /// The version that was agreed on, such as `moq-lite-02`.
    pub fn version_name(&self) -> &'static str {
        self.version.name()
    }

    /// The smoothed round-trip time, when the transport measures it.
    pub fn rtt(&self) -> Option<std::time::Duration> {
        self.transport.rtt()
    }

    /// Closes the transport with the code and text of `err`.
    pub fn close(self, err: Error) {
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
        self.transport
            .close(&Error::Cancel, self.version.session_code());
        self.driver.abort();
    }
}

/// What a session needs of any transport once it runs.
trait Transport: Send + Sync {
    fn close(&self, err: &Error, codes: fn(&Error) -> u32);
    fn rtt(&self) -> Option<std::time::Duration>;
}

impl<S: web_transport_trait::Session> Transport for S {
    fn close(&self, err: &Error, codes: fn(&Error) -> u32) {
        close(self, err, codes);
    }

    fn rtt(&self) -> Option<std::time::Duration> {
        self.stats().rtt()
    }
}

/// Closes a transport: in order for [`Error::Cancel`], without telling the peer
/// its own error.
pub(super) fn close<S: web_transport_trait::Session>(
    transport: &S,
    err: &Error,
    codes: fn(&Error) -> u32,
) {
    match err {
        Error::Cancel => transport.close(0, ""),
        Error::Transport(_) => transport.close(1, ""),
        err => transport.close(codes(err), &err.to_string()),
    }
}
