//! Both ends of a session, a public key infrastructure, and an ear for logs.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use gstmoq::net::{
    Accepted, ConnectOptions, Connected, Error, Fingerprint, ListenOptions, Listener, Quic, Tls,
    Transport, WebSocket, connect,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use url::Url;
use web_transport_trait::{RecvStream as _, SendStream as _, Session};

pub(crate) use crate::waiting::within;

use crate::pem::pem;

/// A root, a certificate for `localhost` under it, and the files that hold them, for as long as this lives.
pub(crate) struct Pki {
    pub(crate) folder: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!(
            "gst-plugin-moq-net-{}-{number}",
            std::process::id()
        ));
        std::fs::create_dir_all(&folder).unwrap();

        let root_key = rcgen::KeyPair::generate().unwrap();
        let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = rcgen::Issuer::new(root, root_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        let leaf = leaf.signed_by(&key, &issuer).unwrap();

        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            root: write("root.pem", pem("CERTIFICATE", root_certificate.der())),
            chain: write("chain.pem", pem("CERTIFICATE", leaf.der())),
            key: write("key.pem", pem("PRIVATE KEY", &key.serialize_der())),
            folder,
        }
    }

    /// A foreign QUIC server with this certificate.
    pub(crate) fn server(&self) -> quinn::ServerConfig {
        let tls = self.tls_server(b"h3");
        let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
        quinn::ServerConfig::with_crypto(Arc::new(tls))
    }

    /// What a foreign server with this certificate is over TCP.
    pub(crate) fn tls_server(&self, alpn: &[u8]) -> rustls::ServerConfig {
        let chain = CertificateDer::pem_file_iter(&self.chain)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let mut tls = rustls::ServerConfig::builder_with_provider(ring())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls
    }

    /// A foreign client that trusts the root and says that it speaks HTTP/3.
    pub(crate) fn client(&self) -> quinn::ClientConfig {
        let mut tls = self.tls_client();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        quinn::ClientConfig::new(Arc::new(tls))
    }

    /// The same over TCP.
    pub(crate) fn tls_client(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&self.root).unwrap())
            .unwrap();
        rustls::ClientConfig::builder_with_provider(ring())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    pub(crate) fn identity(&self) -> (PathBuf, PathBuf) {
        (self.chain.clone(), self.key.clone())
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn ring() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Every event and span of every crate in this process, as text.
#[derive(Clone, Default)]
pub(crate) struct Heard(pub(crate) Arc<Mutex<String>>);

impl tracing::Subscriber for Heard {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        attributes.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

impl tracing::field::Visit for Heard {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0
            .lock()
            .unwrap()
            .push_str(&format!("{field}={value:?}\n"));
    }
}

pub(crate) async fn listen(address: &str, protocols: &[&'static str]) -> Listener {
    Listener::bind(&listen_options(address, protocols))
        .await
        .unwrap()
}

pub(crate) async fn listen_as(identity: Option<(PathBuf, PathBuf)>) -> Listener {
    let mut options = listen_options("[::]:0", &["moql"]);
    options.identity = identity;
    Listener::bind(&options).await.unwrap()
}

pub(crate) fn listen_options(address: &str, protocols: &[&'static str]) -> ListenOptions {
    ListenOptions {
        address: address.into(),
        identity: None,
        http_root: None,
        quic: Quic::default(),
        protocols: protocols.to_vec(),
    }
}

pub(crate) fn options(url: &str, tls: Tls) -> ConnectOptions {
    ConnectOptions {
        url: Url::parse(url).unwrap(),
        token: None,
        tls,
        quic: Quic::default(),
        protocols: vec!["moql"],
        websocket: WebSocket {
            enabled: false,
            ..WebSocket::default()
        },
    }
}

pub(crate) fn pinned(server: &Listener) -> Tls {
    let fingerprint: Fingerprint = server.fingerprint();
    Tls {
        fingerprints: vec![fingerprint],
        ..Tls::default()
    }
}

pub(crate) fn insecure() -> Tls {
    Tls {
        disable_verify: true,
        ..Tls::default()
    }
}

/// Both ends of a session with `server`, which goes on accepting until the test ends.
pub(crate) async fn session(
    mut server: Listener,
    options: &ConnectOptions,
) -> (Connected, Accepted) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(accepted) = server.accept().await {
            let _ = sender.send(accepted);
        }
    });
    let connected = within(connect(options)).await.unwrap();
    let accepted = within(receiver.recv()).await.unwrap();
    (connected, accepted)
}

/// The error of connecting to a server that goes on accepting.
pub(crate) async fn refused(mut server: Listener, options: &ConnectOptions) -> Error {
    tokio::spawn(async move { while server.accept().await.is_some() {} });
    within(connect(options)).await.unwrap_err()
}

/// Bytes there and back.
pub(crate) async fn echo(connected: &Connected, accepted: &Accepted) {
    echo_between(&connected.transport, &accepted.transport).await;
}

/// Bytes there and back over any two ends.
pub(crate) async fn echo_between(client: &Transport, server: &impl Session) {
    within(async {
        let (mut send, mut receive) = client.open_bi().await.unwrap();
        send.write_all(b"there").await.unwrap();
        send.finish().unwrap();
        let (mut back, mut there) = server.accept_bi().await.unwrap();
        assert_eq!(there.read_all().await.unwrap(), "there");
        back.write_all(b"back").await.unwrap();
        back.finish().unwrap();
        assert_eq!(receive.read_all().await.unwrap(), "back");
    })
    .await;
}
