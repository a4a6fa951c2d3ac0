//! The side that is connected to.

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    client::{CloseOnDrop, SETUP_TIMEOUT},
    coding::{Stream, Versions},
    lite,
    setup::{ClientSetup, ServerSetup},
};

/// Makes sessions on transports that clients connected.
#[derive(Clone, Default)]
pub struct Server {
    roles: lite::session::Roles,
}

impl Server {
    /// A server that neither publishes nor consumes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers these broadcasts to the client.
    pub fn with_publish(mut self, publish: impl Into<Option<OriginConsumer>>) -> Self {
        self.roles.publish = publish.into();
        self
    }

    /// Puts the client's broadcasts here. Only what this producer is allowed to
    /// publish is asked for.
    pub fn with_consume(mut self, consume: impl Into<Option<OriginProducer>>) -> Self {
        self.roles.consume = consume.into();
        self
    }

    /// Agrees on a version and starts the session. It does not wait for the
    /// client's broadcasts.
    ///
    /// Needs a tokio runtime with time. When cancelled the transport is closed.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the client does not send SETUP for 10 s,
    /// [`Error::Version`] when there is no version in common, else why the
    /// exchange failed. The transport is closed then.
    pub async fn accept<S: web_transport_trait::Session>(
        &self,
        session: S,
    ) -> Result<Session, Error> {
        let guard = CloseOnDrop(Some(session));
        let transport = guard.transport();
        let setup = timeout(SETUP_TIMEOUT, setup(transport)).await;
        let (version, stream) = match setup.unwrap_or(Err(Error::Timeout)) {
            Ok(agreed) => agreed,
            Err(err) => return Err(guard.refuse(err)),
        };
        let (driver, _) =
            lite::session::run(transport.clone(), stream, self.roles.clone(), version);
        tracing::info!(version = version.name(), "accepted");
        Ok(Session::start(guard.keep(), version, driver))
    }
}

async fn setup<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(lite::Version, Stream<S, lite::Version>), Error> {
    let mut stream = Stream::accept(transport, ()).await?;
    stream.writer.set_priority(i32::MAX);
    let offer: ClientSetup = stream.reader.decode().await?;
    // The client's order counts.
    let version = offer
        .versions
        .iter()
        .find_map(|&version| lite::Version::try_from(version).ok());
    let Some(version) = version else {
        let ours = Versions::from(lite::Version::SETUP.map(lite::Version::coding));
        return Err(Error::Version(offer.versions, ours));
    };
    let answer = ServerSetup {
        version: version.coding(),
    };
    stream.writer.encode(&answer).await?;
    Ok((version, stream.with_version(version)))
}
