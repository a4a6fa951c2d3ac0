//! Sessions over WebTransport or raw QUIC, with self-signed certificates that nobody verifies.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use quinn::{
    ClientConfig, Connection, Endpoint, ServerConfig,
    crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig},
};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
};
use url::Url;
use web_transport_quinn::{
    ALPN, Request, Session,
    proto::{ConnectRequest, ConnectResponse},
};

use crate::Result;

/// Opens a session and offers one protocol.
pub(crate) async fn connect(url: &str, protocol: &str) -> Result<Session> {
    let url = Url::parse(url)?;
    let is_raw = url.scheme() == "moqt";
    let host = url.host_str().ok_or("the URL has no host")?;
    let port = url.port().ok_or("the URL has no port")?;
    let remote: SocketAddr = format!("{host}:{port}").parse()?;

    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    tls.alpn_protocols = vec![if is_raw { protocol } else { ALPN }.into()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let endpoint = Endpoint::client((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let connection = endpoint.connect_with(config, remote, host)?.await?;

    let request = ConnectRequest::new(url).with_protocol(protocol);
    if is_raw {
        return Ok(raw(connection, request, protocol));
    }
    let session = Session::connect(connection, request).await?;
    let agreed = session.response().protocol.as_deref();
    if agreed != Some(protocol) {
        return Err(format!("offered {protocol}, the server took {agreed:?}").into());
    }
    Ok(session)
}

/// The first session that a client opens on a free port of the loopback interface.
pub(crate) async fn listen(protocol: &str) -> Result<Session> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))?;
    tls.alpn_protocols = vec![ALPN.into(), protocol.into()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
    println!("listening {}", endpoint.local_addr()?.port());

    let connection = endpoint
        .accept()
        .await
        .ok_or("the port was closed")?
        .await?;
    if alpn(&connection).as_deref() != Some(ALPN.as_bytes()) {
        let request = ConnectRequest::new(Url::parse("moqt://localhost")?);
        return Ok(raw(connection, request, protocol));
    }
    let request = Request::accept(connection).await?;
    if !request.protocols.iter().any(|offered| offered == protocol) {
        let offered = request.protocols.join(", ");
        return Err(format!("the client offers {offered}, not {protocol}").into());
    }
    let response = ConnectResponse::OK.with_protocol(protocol);
    Ok(request.respond(response).await?)
}

fn raw(connection: Connection, request: ConnectRequest, protocol: &str) -> Session {
    Session::raw(
        connection,
        request,
        ConnectResponse::OK.with_protocol(protocol),
    )
}

fn alpn(connection: &Connection) -> Option<Vec<u8>> {
    let data = connection.handshake_data()?;
    data.downcast::<HandshakeData>().ok()?.protocol
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Trusts every certificate: the peers are on this machine.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
