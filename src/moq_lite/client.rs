//! The side that connects.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    coding::{Stream, Versions},
    lite, session,
    setup::{ClientSetup, ServerSetup},
};

/// Makes sessions on transports that are connected to a server.
#[derive(Clone, Default)]
pub struct Client {
    roles: lite::session::Roles,
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
        let (driver, ready) =
            lite::session::run(transport.clone(), stream, self.roles.clone(), version);
        let session = Session::start(guard.keep(), version, driver);
        tracing::info!(version = version.name(), "connected");
        // A server that never announces leaves the session usable.
        let _ = timeout(SETUP_TIMEOUT, ready).await;
        Ok(session)
    }
}

/// How long the peer may take to answer.
pub(super) const SETUP_TIMEOUT: Duration = Duration::from_secs(10);

async fn setup<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(lite::Version, Stream<S, lite::Version>), Error> {
    let offered = Versions::from(lite::Version::SETUP.map(lite::Version::coding));
    match transport.protocol() {
        None | Some(lite::ALPN) => {}
        Some(_) => return Err(Error::Version(offered, Versions::default())),
    }
    let mut stream = Stream::open(transport, ()).await?;
    stream.writer.set_priority(i32::MAX);
    let versions = offered.clone();
    stream.writer.encode(&ClientSetup { versions }).await?;
    let answer: ServerSetup = stream.reader.decode().await?;
    let version = lite::Version::try_from(answer.version)
        .map_err(|()| Error::Version(offered, [answer.version].into()))?;
    Ok((version, stream.with_version(version)))
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
