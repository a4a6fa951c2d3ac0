//! Asks the peer for its broadcasts and takes in what it sends.

use std::{future::pending, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use web_transport_trait::Session;

use super::{
    estimate,
    follower::Follower,
    incoming::{Settle, Shared, accept_datagrams, accept_streams},
    publisher::Publisher,
};
use crate::moq_lite::{Error, OriginProducer, Path, PathOwned, lite::Setup};

pub(super) struct Subscriber<S: Session> {
    session: Publisher<S>,
    origin: Option<OriginProducer>,
    shared: Arc<Shared<S>>,
    settle: Settle,
}

impl<S: Session> Subscriber<S> {
    /// `setup` is what the peer has said about itself already.
    pub(super) fn new(
        session: Publisher<S>,
        origin: Option<OriginProducer>,
        setup: Option<Setup>,
    ) -> Self {
        let (shared, settle) = Shared::new(setup);
        Self {
            session,
            origin,
            shared,
            settle,
        }
    }

    /// Returns when the session must end.
    pub(super) async fn run(mut self, ready: oneshot::Sender<()>) -> Error {
        let (transport, version) = (&self.session.transport, self.session.version);
        let announced = self.announcements(ready);
        let streams = accept_streams(transport, version, &self.shared, &mut self.settle);
        let datagrams = async {
            if version.has_datagrams() {
                accept_datagrams(transport, version, &self.shared).await;
            }
            pending().await
        };
        let estimate = async {
            // Who takes nothing does not care how much could come.
            if self.origin.is_some() && version.has_setup_stream() {
                estimate::follow(&self.session, &self.shared).await;
            }
            pending().await
        };
        tokio::select! {
            err = announced => err,
            err = streams => err,
            err = datagrams => err,
            err = estimate => err,
        }
    }

    /// One announce stream for each prefix that the origin takes.
    fn announcements(
        &self,
        ready: oneshot::Sender<()>,
    ) -> impl Future<Output = Error> + Send + use<S> {
        let mut streams = JoinSet::new();
        let (initial, mut waiting) = mpsc::channel::<()>(1);
        let (session, shared) = (self.session.clone(), self.shared.clone());
        let follower = move |origin: &OriginProducer, prefix: &Path<'_>| Follower {
            session: session.clone(),
            origin: origin.clone(),
            shared: shared.clone(),
            prefix: prefix.to_owned(),
        };
        let mut prefixes: Vec<PathOwned> = Vec::new();
        if let Some(origin) = &self.origin {
            for prefix in origin.allowed() {
                streams.spawn(follower(origin, prefix).run(initial.clone()));
                prefixes.push(prefix.to_owned());
            }
        }
        drop(initial);
        let status = self.session.status.clone();
        async move {
            let mut ready = Some(ready);
            loop {
                tokio::select! {
                    // Every follower has dropped its end: the first sets are in.
                    None = waiting.recv(), if ready.is_some() => {
                        ready.take().map(|ready| ready.send(()));
                    }
                    Some(ended) = streams.join_next() => match ended {
                        Ok(Err(err)) => return err,
                        Ok(Ok(())) => {}
                        Err(_) => return Error::Cancel,
                    },
                    ask = status.next_ask() => {
                        if !prefixes.iter().any(|prefix| ask.path.has_prefix(prefix)) {
                            // Nobody waits for these to be in.
                            let (nobody, _) = mpsc::channel(1);
                            streams.spawn(follower(&ask.origin, &ask.path).run(nobody));
                            prefixes.push(ask.path);
                        }
                    }
                }
            }
        }
    }
}
