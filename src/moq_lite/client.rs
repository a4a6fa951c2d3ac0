//! The side that connects.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    coding::Stream,
    lite,
    roles::Roles,
    session,
    setup::{ClientSetup, ServerSetup},
    version::{Negotiation, Version},
};

/// Makes sessions on transports that are connected to a server.
#[derive(Clone, Default)]
pub struct Client {
    roles: Roles,
}

impl Client {
    /// A client that neither publishes nor consumes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers these broadcasts to the server.
    pub fn with_publish(mut self, publish: impl Into<Option<OriginConsumer>>) -> Self {
        self.roles.publish = publish.into();
        self
    }

    /// Puts the server's broadcasts here. Only what this producer is allowed to
    /// publish is asked for.
    pub fn with_consume(mut self, consume: impl Into<Option<OriginProducer>>) -> Self {
        self.roles.consume = consume.into();
        self
    }

    /// Agrees on a version and starts the session. With `with_consume` it returns
    /// when the broadcasts that the server has now are in the origin.
    ///
    /// Needs a tokio runtime with time. When cancelled the transport is closed.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the server does not answer for 10 s,
    /// [`Error::Version`] when there is no version in common, else why the
    /// exchange failed. The transport is closed then.
    pub async fn connect<S: web_transport_trait::Session>(
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
        let (driver, ready) = lite::session::run(transport.clone(), stream, roles, lite_version);
        let session = Session::start(guard.keep(), version, driver);
        tracing::info!(version = version.name(), "connected");
        // A server that never announces leaves the session usable.
        let _ = timeout(SETUP_TIMEOUT, ready).await;
        Ok(session)
    }
}

/// How long the peer may take to answer.
pub(super) const SETUP_TIMEOUT: Duration = Duration::from_secs(10);

/// The exchange on the first bidirectional stream.
async fn setup<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(Version, Stream<S, ()>), Error> {
    let Negotiation::Setup(offered) = Negotiation::of(transport.protocol())?;
    let versions = Version::numbers(&offered);
    let mut stream = Stream::open(transport, ()).await?;
    stream.writer.set_priority(i32::MAX);
    let offer = ClientSetup { versions };
    stream.writer.encode(&offer).await?;
    let answer: ServerSetup = stream.reader.decode().await?;
    let chosen = offered
        .into_iter()
        .find(|version| version.coding() == answer.version);
    let chosen = chosen.ok_or_else(|| Error::Version(offer.versions, [answer.version].into()))?;
    Ok((chosen, stream))
}

/// Closes a transport that does not become a session.
pub(super) struct CloseOnDrop<S: web_transport_trait::Session>(pub(super) Option<S>);

impl<S: web_transport_trait::Session> CloseOnDrop<S> {
    pub(super) fn transport(&self) -> &S {
        self.0
            .as_ref()
            .expect("only keep and refuse take it, and they take self")
    }

    pub(super) fn keep(mut self) -> S {
        self.0
            .take()
            .expect("only keep and refuse take it, and they take self")
    }

    pub(super) fn refuse(mut self, err: Error) -> Error {
        if let Some(transport) = self.0.take() {
            session::close(&transport, &err);
        }
        err
    }
}

impl<S: web_transport_trait::Session> Drop for CloseOnDrop<S> {
    fn drop(&mut self) {
        if let Some(transport) = self.0.take() {
            session::close(&transport, &Error::Cancel);
        }
    }
}
