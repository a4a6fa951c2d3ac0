//! The life of a session after its version is agreed on.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use web_transport_trait::{Session, Stats};

use super::{Roles, order, publisher::Publisher, streams, subscriber::Subscriber};
use crate::moq_lite::{
    Error, Origin, Result,
    coding::{Reader, Stream, Writer},
    farewell,
    lite::{ControlType, DataType, Goaway, Hops, ProbeLevel, Role, SessionInfo, Setup, Version},
    status::Status,
};

/// How long the peer may take to answer before there is a session.
pub(crate) const SETUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Which side this is.
pub(crate) enum Side {
    /// It may ask for a path where the transport has no URL.
    Client { path: Option<String> },
    /// It has read what the client says about itself, in the versions in which it does.
    Server { setup: Option<Setup> },
}

/// All that a session begins with.
pub(crate) struct Start<S: Session> {
    pub(crate) transport: S,
    pub(crate) version: Version,
    /// The stream that agreed on the version.
    pub(crate) stream: Option<Stream<S, Version>>,
    pub(crate) roles: Roles,
    pub(crate) side: Side,
    pub(crate) status: Arc<Status>,
}

/// The work of a session. It ends with the reason.
pub(crate) type Driver = Pin<Box<dyn Future<Output = Error> + Send>>;

/// The work of a session, and what resolves when the first announcements of the
/// peer are in the origin (or never will be).
pub(crate) fn run<S: Session>(start: Start<S>) -> (Driver, oneshot::Receiver<()>) {
    let (ready, announced) = oneshot::channel();
    let setup = setup(&start);
    let Start {
        transport,
        version,
        stream,
        roles,
        side,
        status,
    } = start;
    let publish = roles.publish.unwrap_or_else(|| Origin::produce().consumer);
    let hop = Hops::random_id();
    let publisher = Publisher {
        transport: transport.clone(),
        origin: publish,
        version,
        hop,
        status: status.clone(),
    };
    let setup_of_peer = match side {
        Side::Client { .. } => None,
        Side::Server { setup } => setup,
    };
    let subscriber = Subscriber::new(publisher.clone(), roles.consume, setup_of_peer);
    let driver = async move {
        if version.has_setup_stream() {
            // First of all, because a server waits for it.
            let sent = timeout(SETUP_TIMEOUT, send_setup(&transport, &setup, version)).await;
            if let Err(err) = sent.unwrap_or(Err(Error::Timeout)) {
                return err;
            }
        }
        tokio::select! {
            err = publisher.run() => err,
            err = subscriber.run(ready) => err,
            err = session_stream(&transport, stream) => err,
            err = leave(&transport, version, &status) => err,
        }
    };
    (Box::pin(driver), announced)
}

/// What this side says about itself.
fn setup<S: Session>(start: &Start<S>) -> Setup {
    let stats = start.transport.stats();
    let known = stats.rtt().is_some() || stats.estimated_send_rate().is_some();
    let mut setup = Setup {
        probe: if known {
            ProbeLevel::Report
        } else {
            ProbeLevel::None
        },
        ..Setup::default()
    };
    if let Side::Client { path } = &start.side {
        setup.path = path.clone();
        setup.role = match (&start.roles.publish, &start.roles.consume) {
            (Some(_), None) => Some(Role::Publisher),
            (None, Some(_)) => Some(Role::Subscriber),
            _ => None,
        };
    }
    setup
}

async fn send_setup<S: Session>(transport: &S, setup: &Setup, version: Version) -> Result<()> {
    let stream = transport.open_uni().await.map_err(Error::from_transport)?;
    let mut writer = Writer::new(stream, version).with_codes(version.stream_code());
    writer.set_priority(order::CONTROL);
    writer.encode(&DataType::Setup).await?;
    writer.encode(setup).await?;
    writer.finish()
}

/// What a client says about itself, before anything else is looked at.
pub(crate) async fn client_setup<S: Session>(transport: &S, version: Version) -> Result<Setup> {
    for _ in 0..MAX_STRAYS {
        let stream = transport.accept_uni().await;
        let stream = stream.map_err(Error::from_transport)?;
        let mut reader = Reader::new(stream, version).with_codes(version.stream_code());
        match reader.decode::<DataType>().await {
            Ok(DataType::Setup) => return reader.decode().await,
            // Nothing was asked for yet, so it can be for nobody.
            Ok(DataType::Group) => reader.abort(&Error::Cancel),
            Err(_) => reader.abort(&Error::UnexpectedStream),
        }
    }
    Err(Error::ProtocolViolation)
}

/// The most streams that may come before the one of SETUP.
const MAX_STRAYS: usize = 16;

/// The stream that agreed on the version lives as long as the session.
async fn session_stream<S: Session>(transport: &S, stream: Option<Stream<S, Version>>) -> Error {
    let Some(mut stream) = stream else {
        return std::future::pending().await;
    };
    let err = loop {
        match stream.reader.decode_maybe::<SessionInfo>().await {
            Ok(Some(info)) => tracing::debug!(?info, "session info"),
            Ok(None) => break Error::Cancel,
            Err(err @ Error::Decode(_)) => return err,
            Err(err) => break err,
        }
    };
    farewell::reason(transport, err).await
}

/// Sends GOAWAY once this side wants it.
async fn leave<S: Session>(transport: &S, version: Version, status: &Status) -> Error {
    let uri = status.leaving().await;
    let sent = async {
        let mut stream = streams::open(transport, version).await?;
        stream.writer.encode(&ControlType::Goaway).await?;
        let uri = uri.into();
        stream.writer.encode(&Goaway { uri }).await?;
        stream.writer.finish()?;
        stream.writer.closed().await
    };
    let result: Result<()> = sent.await;
    tracing::debug!(?result, "asked the peer to leave");
    std::future::pending().await
}
