//! The side that is connected to.

use tokio::time::timeout;

use super::{
    Error, OriginConsumer, OriginProducer, Session,
    client::{CloseOnDrop, Driver, SETUP_TIMEOUT},
    coding::Stream,
    ietf, lite,
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
        let (version, stream, limit) = match setup.unwrap_or(Err(Error::Timeout)) {
            Ok(agreed) => agreed,
            Err(err) => return Err(guard.refuse(err)),
        };
        let (transport, roles) = (transport.clone(), self.roles.clone());
        let driver: Driver = match version {
            Version::Lite(version) => {
                let stream = stream.with_version(version);
                Box::pin(lite::session::run(transport, stream, roles, version).0)
            }
            Version::Ietf(version) => {
                let start = ietf::session::Start {
                    transport,
                    setup: stream.with_version(version),
                    roles,
                    expect: Vec::new(),
                    version,
                    client: false,
                    peer_max_request_id: limit,
                };
                Box::pin(ietf::session::run(start).0)
            }
        };
        tracing::info!(version = version.name(), "accepted");
        Ok(Session::start(guard.keep(), version, driver))
    }
}

/// The exchange on the first bidirectional stream.
async fn setup<S: web_transport_trait::Session>(
    transport: &S,
) -> Result<(Version, Stream<S, ()>, u64), Error> {
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
        parameters: match chosen {
            Version::Lite(_) => ietf::Parameters::default(),
            Version::Ietf(_) => ietf::session::parameters(),
        },
    };
    stream.writer.encode(&answer).await?;
    Ok((chosen, stream, offer.max_request_id()))
}
