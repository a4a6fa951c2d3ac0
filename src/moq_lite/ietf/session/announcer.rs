//! Tells the peer which broadcasts there are.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::outbox::Outbox;
use crate::moq_lite::{
    Error, OriginConsumer, PathOwned,
    ietf::{Control, PublishNamespace, PublishNamespaceDone, RequestId},
};

pub(super) struct Announcer {
    outbox: Outbox,
    origin: OriginConsumer,
    /// What the peer knows of and did not refuse.
    announced: HashMap<PathOwned, RequestId>,
}

impl Announcer {
    pub(super) fn new(outbox: Outbox, origin: OriginConsumer) -> Self {
        Self {
            outbox,
            origin,
            announced: HashMap::new(),
        }
    }

    /// Announces everything without being asked: moq-lite 0.12.0 never asks.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Control>) -> Error {
        let mut over = false;
        loop {
            tokio::select! {
                biased;
                message = inbox.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return Error::Cancel,
                },
                change = self.origin.announced(), if !over => match change {
                    Some((path, Some(_))) => self.announce(path).await,
                    Some((path, None)) => self.withdraw(&path),
                    None => over = true,
                },
            }
        }
    }

    fn handle(&mut self, message: Control) {
        match message {
            Control::PublishNamespaceError(message) => {
                let (code, reason) = (message.error_code, &message.reason_phrase);
                tracing::warn!(code, %reason, "the peer refuses a broadcast");
                self.announced.retain(|_, id| *id != message.request_id);
            }
            Control::PublishNamespaceCancel(message) => {
                let (path, reason) = (message.track_namespace, &message.reason_phrase);
                tracing::info!(%path, %reason, "the peer wants no more of a broadcast");
                self.announced.remove(&path);
            }
            message => tracing::debug!(?message, "answered"),
        }
    }

    async fn announce(&mut self, path: PathOwned) {
        self.outbox.drained().await;
        let build = |request_id| PublishNamespace {
            request_id,
            track_namespace: path.borrow(),
        };
        match self.outbox.request(build).await {
            Ok(id) => {
                tracing::debug!(%path, %id, "announced");
                self.announced.insert(path, id);
            }
            Err(err) => tracing::warn!(%path, %err, "this path cannot be announced"),
        }
    }

    fn withdraw(&mut self, path: &PathOwned) {
        if self.announced.remove(path).is_some() {
            let track_namespace = path.borrow();
            self.outbox
                .answer(&PublishNamespaceDone { track_namespace });
        }
    }
}
