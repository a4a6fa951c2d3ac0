//! Answers the peer's requests, each on its own stream.

use std::sync::Arc;

use tokio::task::JoinSet;
use web_transport_trait::Session;

use super::{announcer, requests, serving, streams};
use crate::moq_lite::{
    Error, Excess, OriginConsumer, Result,
    coding::Stream,
    lite::{ControlType, Version},
    status::Status,
};

/// What every stream of a session needs.
#[derive(Clone)]
pub(super) struct Publisher<S> {
    pub(super) transport: S,
    pub(super) origin: OriginConsumer,
    pub(super) version: Version,
    /// This session among the hops of an announcement.
    pub(super) hop: u64,
    pub(super) status: Arc<Status>,
}

impl<S: Session> Publisher<S> {
    /// Serves each of the peer's streams by itself, so that a slow one holds up
    /// no other. Returns when the session must end.
    pub(super) async fn run(self) -> Error {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                stream = streams::accept(&self.transport, self.version) => match stream {
                    Ok(stream) if tasks.len() < self.status.limits.requests => {
                        tasks.spawn(self.clone().serve(stream));
                    }
                    Ok(mut stream) => {
                        self.status.exceed(Excess::Requests);
                        stream.abort(&Error::TooLarge);
                    }
                    Err(err) => return err,
                },
                Some(ended) = tasks.join_next() => if let Ok(Err(err)) = ended {
                    return err;
                },
            }
        }
    }

    /// An error is for the session.
    async fn serve(self, mut stream: Stream<S, Version>) -> Result<()> {
        let _engaged = self.status.engage();
        let kind = stream.reader.decode::<ControlType>().await;
        let version = self.version;
        let result = match kind {
            Ok(ControlType::Goaway) if version.has_goaway() => {
                return requests::goaway(&self, &mut stream).await;
            }
            Ok(ControlType::Announce) => announcer::announce(&self, &mut stream).await,
            Ok(ControlType::Subscribe) => serving::subscribe(&self, &mut stream).await,
            Ok(ControlType::Fetch) if version.has_fetch() => {
                requests::fetch(&self, &mut stream).await
            }
            Ok(ControlType::Probe) if version.has_probe() => {
                requests::probe(&self, &mut stream).await
            }
            Ok(ControlType::Track) if version.has_timestamps() => {
                requests::track(&self, &mut stream).await
            }
            // An unknown type ends its stream, not the session.
            Ok(_) => Err(Error::UnexpectedStream),
            Err(err) => Err(err),
        };
        if let Err(err) = result {
            tracing::debug!(%err, "request refused");
            stream.abort(&err);
        }
        Ok(())
    }
}
