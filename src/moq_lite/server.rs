//! The side that is connected to.

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    client::{CloseOnDrop, SETUP_TIMEOUT},
    coding::Stream,
    lite,
    roles::Roles,
    setup::{ClientSetup, ServerSetup},
    version::{Negotiation, Version},
};

/// Makes sessions on transports that clients connected.
#[derive(Clone, Default)]
pub struct Server {
    roles: Roles,
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
        let Version::Lite(lite_version) = version;
        let stream = stream.with_version(lite_version);
        let roles = self.roles.clone();
        let (driver, _) = lite::session::run(transport.clone(), stream, roles, lite_version);
        tracing::info!(version = version.name(), "accepted");
        Ok(Session::start(guard.keep(), version, driver))
    }
}

/// The exchange on the first bidirectional stream.
async fn setup<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(Version, Stream<S, ()>), Error> {
    let Negotiation::Setup(known) = Negotiation::of(transport.protocol())?;
    let mut stream = Stream::accept(transport, ()).await?;
    stream.writer.set_priority(i32::MAX);
    let offer: ClientSetup = stream.reader.decode().await?;
    // The client's order counts.
    let mut offered = offer.versions.iter();
    let chosen =
        offered.find_map(|number| known.iter().find(|version| version.coding() == *number));
    let Some(&chosen) = chosen else {
        return Err(Error::Version(offer.versions, Version::numbers(&known)));
    };
    let answer = ServerSetup {
        version: chosen.coding(),
    };
    stream.writer.encode(&answer).await?;
    Ok((chosen, stream))
}
