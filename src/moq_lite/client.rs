//! The side that connects.

use std::sync::Arc;

use tokio::time::timeout;

use super::{
    AsPath, Error, OriginConsumer, OriginProducer, PathOwned, Session,
    coding::{Stream, Versions},
    farewell, ietf, lite,
    lite::session::SETUP_TIMEOUT,
    roles::Roles,
    session,
    setup::{ClientSetup, ServerSetup},
    status::Status,
    version::{Negotiation, Version},
};

/// Makes sessions on transports that are connected to a server.
#[derive(Clone, Default)]
pub struct Client {
    roles: Roles,
    expect: Vec<PathOwned>,
    path: Option<String>,
    authority: Option<String>,
    token: Option<String>,
    versions: Option<Versions>,
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
    /// has a place for it; where it has none the path is not sent. It is shown in no log.
    pub fn with_path(mut self, path: impl Into<Option<String>>) -> Self {
        self.path = path.into();
        self
    }

    /// Tells the server by which name, and port, it was reached. As for
    /// [`Self::with_path`], and only in moq-transport.
    pub fn with_authority(mut self, authority: impl Into<Option<String>>) -> Self {
        self.authority = authority.into();
        self
    }

    /// Shows this token to a server of moq-transport, which has a place for it in its
    /// SETUP on every transport. Other versions have it in the URL or in the query of
    /// [`Self::with_path`] only. It is shown in no log.
    pub fn with_token(mut self, token: impl Into<Option<String>>) -> Self {
        self.token = token.into();
        self
    }

    /// Takes a broadcast to be there even though the server announces nothing, as
    /// some relays of moq-transport do: its tracks are asked for until they are
    /// there. May be called for several broadcasts. Servers of moq-lite announce, so
    /// those versions need no such help and take none.
    pub fn with_expected(mut self, path: impl AsPath) -> Self {
        self.expect.push(path.as_path().to_owned());
        self
    }

    /// Speaks these versions only, of those in [`VERSIONS`](super::VERSIONS), and prefers
    /// the first. What the protocol name of the transport has decided stays decided, so this
    /// chooses among versions that share a name, and refuses a name that stands for none of them.
    pub fn with_versions(mut self, versions: impl Into<Versions>) -> Self {
        self.versions = Some(versions.into());
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
        let agreed = timeout(SETUP_TIMEOUT, self.negotiate(transport)).await;
        let (version, stream, limit) = match agreed.unwrap_or(Err(Error::Timeout)) {
            Ok(agreed) => agreed,
            Err(err) => {
                let err = farewell::reason(transport, err).await;
                return Err(guard.refuse(err));
            }
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
            Version::Ietf(version) => ietf::session::run(ietf::session::Start {
                transport: transport.clone(),
                version,
                stream: stream.map(|stream| stream.with_version(version)),
                roles: self.roles.clone(),
                expect: self.expect.clone(),
                peer_max_request_id: limit,
                status: status.clone(),
            }),
        };
        let session = Session::start(guard.keep(), version, status, driver);
        tracing::info!(version = version.name(), "connected");
        // A server that never announces leaves the session usable.
        let _ = timeout(SETUP_TIMEOUT, ready).await;
        Ok(session)
    }

    /// The version, the stream of SETUP where that agreed on it, and how many requests
    /// the server allows in versions that count them.
    async fn negotiate<S: web_transport_trait::Session>(
        &self,
        transport: &S,
    ) -> Result<(Version, Option<Stream<S, ()>>, u64), Error> {
        let mut negotiation = Negotiation::of(transport.protocol())?;
        if let Some(versions) = &self.versions {
            negotiation = negotiation.only(versions)?;
        }
        match negotiation {
            Negotiation::Direct(version) => Ok((version, None, 0)),
            Negotiation::Setup(offered) => {
                let (version, stream, limit) =
                    exchange(transport, offered, self.parameters()?).await?;
                Ok((version, Some(stream), limit))
            }
        }
    }

    /// What is said of this side along with the versions.
    fn parameters(&self) -> Result<ietf::Parameters, Error> {
        let mut parameters = ietf::session::parameters();
        if let Some(path) = &self.path {
            parameters.set_bytes(ietf::ParameterBytes::Path, path.clone().into());
        }
        if let Some(authority) = &self.authority {
            parameters.set_bytes(ietf::ParameterBytes::Authority, authority.clone().into());
        }
        if let Some(token) = &self.token {
            ietf::token::set(&mut parameters, token)?;
        }
        Ok(parameters)
    }
}

/// The exchange on the first bidirectional stream.
async fn exchange<S: web_transport_trait::Session>(
    transport: &S,
    offered: Vec<Version>,
    parameters: ietf::Parameters,
) -> Result<(Version, Stream<S, ()>, u64), Error> {
    let versions = Version::numbers(&offered);
    let mut stream = Stream::open(transport, ()).await?;
    stream.writer.set_priority(i32::MAX);
    // moq-lite has no use for them.
    let numbered = |version: &Version| matches!(version, Version::Ietf(_));
    let parameters = if offered.iter().any(numbered) {
        parameters
    } else {
        ietf::Parameters::default()
    };
    let offer = ClientSetup {
        versions,
        parameters,
    };
    stream.writer.encode(&offer).await?;
    let answer: ServerSetup = stream.reader.decode().await?;
    let chosen = offered
        .into_iter()
        .find(|version| version.coding() == answer.version);
    let chosen = chosen.ok_or_else(|| Error::Version(offer.versions, [answer.version].into()))?;
    Ok((chosen, stream, answer.max_request_id()))
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
