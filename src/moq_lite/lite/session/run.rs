//! The life of a session after its version is agreed on.

use tokio::sync::oneshot;
use web_transport_trait::Session;

use super::{Roles, publisher::Publisher, subscriber::Subscriber};
use crate::moq_lite::{
    Error, Origin,
    coding::Stream,
    lite::{SessionInfo, Version},
};

/// The work of a session, and what resolves when the first announcements of the
/// peer are in the origin (or never will be).
pub(crate) fn run<S: Session>(
    transport: S,
    setup: Stream<S, Version>,
    roles: Roles,
    version: Version,
) -> (
    impl Future<Output = Error> + Send + 'static,
    oneshot::Receiver<()>,
) {
    let (ready, announced) = oneshot::channel();
    let publish = roles.publish.unwrap_or_else(|| Origin::produce().consumer);
    let publisher = Publisher::new(transport.clone(), publish, version);
    let subscriber = Subscriber::new(transport, roles.consume, version);
    let driver = async move {
        tokio::select! {
            err = publisher.run() => err,
            err = subscriber.run(ready) => err,
            err = session_stream(setup) => err,
        }
    };
    (driver, announced)
}

/// The stream of SETUP lives as long as the session.
async fn session_stream<S: Session>(mut stream: Stream<S, Version>) -> Error {
    loop {
        match stream.reader.decode_maybe::<SessionInfo>().await {
            Ok(Some(info)) => tracing::debug!(?info, "session info"),
            Ok(None) => return Error::Cancel,
            Err(err) => return err,
        }
    }
}
