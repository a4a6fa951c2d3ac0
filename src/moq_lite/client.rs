//! The side that connects.

use std::sync::Arc;

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    coding::Stream,
    lite,
    lite::session::SETUP_TIMEOUT,
    session,
    setup::{ClientSetup, ServerSetup},
    status::Status,
    version::{Negotiation, Version},
};

/// Makes sessions on transports that are connected to a server.
#[derive(Clone, Default)]
pub struct Client {
    roles: lite::session::Roles,
    path: Option<String>,
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

    /// Asks the server for this path, which may end in a query, such as
    /// `/room?jwt=abc`. Only for transports that have no URL: raw QUIC, not
    /// WebTransport. [`carries_path`](super::carries_path) tells whether the version
    /// has a place for it; where it has none the path is not sent.
    pub fn with_path(mut self, path: impl Into<Option<String>>) -> Self {
        self.path = path.into();
        self
    }

    /// Agrees on a version and starts the session. With `with_consume` it returns
    /// when the broadcasts that the server has now are in the origin; versions 03
    /// and 04 do not tell, and it returns at once.
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
        let guard = CloseOnDrop::new(session);
        let transport = guard.transport();
        let agreed = timeout(SETUP_TIMEOUT, negotiate(transport)).await;
        let (version, stream) = match agreed.unwrap_or(Err(Error::Timeout)) {
            Ok(agreed) => agreed,
            Err(err) => return Err(guard.refuse(err)),
        };
        let status = Arc::new(Status::client());
        let (driver, ready) = match version {
            Version::Lite(version) => lite::session::run(lite::session::Start {
                transport: transport.clone(),
                version,
                stream: stream.map(|stream| stream.with_version(version)),
                roles: self.roles.clone(),
                side: lite::session::Side::Client {
                    path: self.path.clone(),
                },
                status: status.clone(),
            }),
        };
        let session = Session::start(guard.keep(), version, status, driver);
        tracing::info!(version = version.name(), "connected");
        // A server that never announces leaves the session usable.
        let _ = timeout(SETUP_TIMEOUT, ready).await;
        Ok(session)
    }
}

/// The version, and the stream of SETUP where that agreed on it.
async fn negotiate<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(Version, Option<Stream<S, ()>>), Error> {
    match Negotiation::of(transport.protocol())? {
        Negotiation::Direct(version) => Ok((version, None)),
        Negotiation::Setup(offered) => {
            let (version, stream) = exchange(transport, offered).await?;
            Ok((version, Some(stream)))
        }
    }
}

/// The exchange on the first bidirectional stream.
async fn exchange<S: web_transport_trait::Session>(
    transport: &S,
    offered: Vec<Version>,
) -> Result<(Version, Stream<S, ()>), Error> {
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
pub(super) struct CloseOnDrop<S: web_transport_trait::Session> {
    transport: Option<S>,
    /// The table of the version, once that is known.
    codes: fn(&Error) -> u32,
}

impl<S: web_transport_trait::Session> CloseOnDrop<S> {
    pub(super) fn new(transport: S) -> Self {
        Self {
            transport: Some(transport),
            codes: Error::to_code,
        }
    }

    pub(super) fn set_version(&mut self, version: Version) {
        self.codes = version.session_code();
    }

    pub(super) fn transport(&self) -> &S {
        self.transport
            .as_ref()
            .expect("only keep and refuse take it, and they take self")
    }

    pub(super) fn keep(mut self) -> S {
        self.transport
            .take()
            .expect("only keep and refuse take it, and they take self")
    }

    pub(super) fn refuse(mut self, err: Error) -> Error {
        if let Some(transport) = self.transport.take() {
            session::close(&transport, &err, self.codes);
        }
        err
    }
}

impl<S: web_transport_trait::Session> Drop for CloseOnDrop<S> {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.take() {
            session::close(&transport, &Error::Cancel, self.codes);
        }
    }
}
