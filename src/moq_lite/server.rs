//! The side that is connected to.

use std::sync::Arc;

use tokio::time::timeout;

use super::{
    Error, Limits, OriginConsumer, OriginProducer, Session,
    client::CloseOnDrop,
    coding::{Stream, Versions},
    ietf::{self, ParameterBytes},
    lite,
    lite::session::SETUP_TIMEOUT,
    roles::Roles,
    setup::{ClientSetup, ServerSetup},
    status::Status,
    version::{Negotiation, Version},
};

/// Makes sessions on transports that clients connected.
#[derive(Clone, Default)]
pub struct Server {
    roles: Roles,
    versions: Option<Versions>,
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

    /// Speaks these versions only, of those in [`VERSIONS`](super::VERSIONS). Among those that
    /// the client offers as well, its order counts.
    pub fn with_versions(mut self, versions: impl Into<Versions>) -> Self {
        self.versions = Some(versions.into());
        self
    }

    /// Agrees on a version and starts the session, whatever path the client asks
    /// for. It does not wait for the client's broadcasts.
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
        let request = self.request(session).await?;
        let roles = self.roles.clone();
        request.accept(roles.publish, roles.consume).await
    }

    /// Finds out what a client asks for, before anything is promised to it.
    ///
    /// Needs a tokio runtime with time. When cancelled the transport is closed.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn request<S: web_transport_trait::Session>(
        &self,
        session: S,
    ) -> Result<Request<S>, Error> {
        let mut guard = CloseOnDrop::new(session);
        let found = timeout(SETUP_TIMEOUT, self.negotiate(guard.transport())).await;
        let (version, stream, offer) = match found.unwrap_or(Err(Error::Timeout)) {
            Ok(found) => found,
            Err(err) => return Err(guard.refuse(err)),
        };
        guard.set_version(version);
        let setup = client_setup(guard.transport(), version);
        let setup = match timeout(SETUP_TIMEOUT, setup).await {
            Ok(Ok(setup)) => setup,
            Ok(Err(err)) => return Err(guard.refuse(err)),
            Err(_) => return Err(guard.refuse(Error::Timeout)),
        };
        let token = match shown_token(version, offer.as_ref()) {
            Ok(token) => token,
            Err(err) => return Err(guard.refuse(err)),
        };
        Ok(Request {
            guard,
            version,
            stream,
            offer,
            setup,
            token,
            limits: Limits::default(),
        })
    }

    /// The version, the stream of SETUP that is still to be answered, and what the
    /// client said there.
    async fn negotiate<S: web_transport_trait::Session>(
        &self,
        transport: &S,
    ) -> Result<(Version, Option<Stream<S, ()>>, Option<ClientSetup>), Error> {
        let mut negotiation = Negotiation::of(transport.protocol())?;
        if let Some(versions) = &self.versions {
            negotiation = negotiation.only(versions)?;
        }
        let known = match negotiation {
            Negotiation::Direct(version) => return Ok((version, None, None)),
            Negotiation::Setup(known) => known,
        };
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
        Ok((chosen, Some(stream), Some(offer)))
    }
}

/// A client that waits for an answer. Dropping it closes the transport.
pub struct Request<S: web_transport_trait::Session> {
    guard: CloseOnDrop<S>,
    version: Version,
    stream: Option<Stream<S, ()>>,
    /// What the client said in the SETUP exchange, if there was one.
    offer: Option<ClientSetup>,
    setup: Option<lite::Setup>,
    token: Option<String>,
    limits: Limits,
}

impl<S: web_transport_trait::Session> Request<S> {
    /// The version that was agreed on, such as `moq-lite-06`.
    pub fn version_name(&self) -> &'static str {
        self.version.name()
    }

    /// The path and query that the client asks for, where the version carries them
    /// and the transport has no URL.
    pub fn path(&self) -> Option<&str> {
        match (self.version, &self.offer) {
            (Version::Ietf(_), Some(offer)) => {
                let path = offer.parameters.get_bytes(ParameterBytes::Path)?;
                std::str::from_utf8(path).ok()
            }
            _ => self.setup.as_ref().and_then(|setup| setup.path.as_deref()),
        }
    }

    /// The token that the client shows in the SETUP of moq-transport. The query of the
    /// URL, or of [`Self::path`], may hold another. What it is allowed is decided now, for the
    /// whole session: tokens of single requests grant nothing.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Bounds what the client may have at a time.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the session: `publish` is offered to the client, the client's
    /// broadcasts go to `consume`. A client that says that it only publishes is
    /// offered nothing, one that only subscribes is asked for nothing.
    ///
    /// Needs a tokio runtime with time. When cancelled the transport is closed.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the client does not take the answer for 10 s, else
    /// why the transport failed. The transport is closed then.
    pub async fn accept(
        self,
        publish: impl Into<Option<OriginConsumer>>,
        consume: impl Into<Option<OriginProducer>>,
    ) -> Result<Session, Error> {
        let Self {
            guard,
            version,
            mut stream,
            offer,
            setup,
            token: _,
            limits,
        } = self;
        let answered = timeout(SETUP_TIMEOUT, answer(stream.as_mut(), version)).await;
        if let Err(err) = answered.unwrap_or(Err(Error::Timeout)) {
            return Err(guard.refuse(err));
        }
        let mut roles = Roles {
            publish: publish.into(),
            consume: consume.into(),
        };
        match setup.as_ref().and_then(|setup| setup.role) {
            Some(lite::Role::Publisher) => roles.publish = None,
            Some(lite::Role::Subscriber) => roles.consume = None,
            None => {}
        }
        let status = Arc::new(Status::server().with_limits(limits));
        let (driver, _) = match version {
            Version::Lite(version) => lite::session::run(lite::session::Start {
                transport: guard.transport().clone(),
                version,
                stream: stream.map(|stream| stream.with_version(version)),
                roles,
                side: lite::session::Side::Server { setup },
                status: status.clone(),
            }),
            Version::Ietf(version) => ietf::session::run(ietf::session::Start {
                transport: guard.transport().clone(),
                version,
                stream: stream.map(|stream| stream.with_version(version)),
                roles,
                expect: Vec::new(),
                peer_max_request_id: offer.map_or(0, |offer| offer.max_request_id()),
                status: status.clone(),
            }),
        };
        tracing::info!(version = version.name(), "accepted");
        Ok(Session::start(guard.keep(), version, status, driver))
    }

    /// Closes the transport with the code and text of `err`.
    pub fn reject(self, err: Error) {
        self.guard.refuse(err);
    }
}

/// What the client shows along with the versions.
fn shown_token(version: Version, offer: Option<&ClientSetup>) -> Result<Option<String>, Error> {
    match (version, offer) {
        (Version::Ietf(_), Some(offer)) => ietf::token::get(&offer.parameters),
        _ => Ok(None),
    }
}

/// What the client says about itself, in the versions in which it does.
async fn client_setup<S: web_transport_trait::Session>(
    transport: &S,
    version: Version,
) -> Result<Option<lite::Setup>, Error> {
    match version {
        Version::Lite(version) if version.has_setup_stream() => {
            let setup = lite::session::client_setup(transport, version).await?;
            Ok(Some(setup))
        }
        _ => Ok(None),
    }
}

/// Ends the exchange on the first bidirectional stream, where there is one.
async fn answer<S: web_transport_trait::Session>(
    stream: Option<&mut Stream<S, ()>>,
    version: Version,
) -> Result<(), Error> {
    let Some(stream) = stream else { return Ok(()) };
    let answer = ServerSetup {
        version: version.coding(),
        parameters: match version {
            Version::Lite(_) => ietf::Parameters::default(),
            Version::Ietf(_) => ietf::session::parameters(),
        },
    };
    stream.writer.encode(&answer).await
}
