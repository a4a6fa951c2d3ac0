//! The same frames on one bare QUIC stream: what QUIC and two hand-overs between threads cost.
//!
//! As with the elements, the thread that has a frame is not the one that sends packets, and the
//! thread that receives packets is not the one that wants the frame. There is nothing else: no
//! elements, no protocol on the stream but the size of each frame.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use bytes::Bytes;
use quinn::{
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
    rustls::{self, crypto::ring, pki_types::PrivateKeyDer, version::TLS13},
};
use tokio::{runtime, sync::mpsc as queue};

use crate::Result;

const PROTOCOL: &[u8] = b"bench";

/// Makes the certificate that both sides read; `file` is any name that is free but for its ending.
pub(crate) fn certify(file: &Path) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = names(file);
    fs::write(certificate, made.cert.der())?;
    fs::write(key, made.signing_key.serialize_der())?;
    Ok(())
}

/// Removes what [`certify`] wrote.
pub(crate) fn forget(file: &Path) -> Result<()> {
    let (certificate, key) = names(file);
    fs::remove_file(certificate)?;
    Ok(fs::remove_file(key)?)
}

fn names(file: &Path) -> (PathBuf, PathBuf) {
    (file.with_extension("cert"), file.with_extension("key"))
}

/// Serves one viewer. Frames go into what is handed out.
pub(crate) fn publish(port: u16, file: &Path) -> Result<queue::UnboundedSender<Bytes>> {
    let (certificate, key) = names(file);
    let key = PrivateKeyDer::try_from(fs::read(key)?)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![fs::read(certificate)?.into()], key)?;
    tls.alpn_protocols = vec![PROTOCOL.into()];
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());

    let runtime = runtime()?;
    let endpoint = {
        let _context = runtime.enter();
        endpoint(Some(config), port)?
    };
    let (sender, mut frames) = queue::unbounded_channel::<Bytes>();
    run(runtime, async move {
        let connecting = endpoint.accept().await.ok_or("the endpoint is closed")?;
        let connection = connecting.await?;
        let mut stream = connection.open_uni().await?;
        while let Some(frame) = frames.recv().await {
            let size = Bytes::from((frame.len() as u32).to_be_bytes().to_vec());
            stream.write_all_chunks(&mut [size, frame]).await?;
        }
        stream.finish()?;
        stream.stopped().await?;
        Ok(())
    });
    Ok(sender)
}

/// Hands out what the publisher sends.
pub(crate) fn view(port: u16, file: &Path) -> Result<mpsc::Receiver<Vec<u8>>> {
    let (certificate, _) = names(file);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(fs::read(certificate)?.into())?;
    let mut tls = rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![PROTOCOL.into()];
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport());

    let runtime = runtime()?;
    let (sender, frames) = mpsc::channel();
    run(runtime, async move {
        let mut endpoint = endpoint(None, 0)?;
        endpoint.set_default_client_config(config);
        let connection = endpoint
            .connect((Ipv4Addr::LOCALHOST, port).into(), "localhost")?
            .await?;
        let mut stream = connection.accept_uni().await?;
        loop {
            let mut size = [0; 4];
            stream.read_exact(&mut size).await?;
            let mut frame = vec![0; u32::from_be_bytes(size) as usize];
            stream.read_exact(&mut frame).await?;
            sender.send(frame)?;
        }
    });
    Ok(frames)
}

fn run(runtime: runtime::Runtime, future: impl Future<Output = Result<()>> + Send + 'static) {
    thread::spawn(move || {
        if let Err(error) = runtime.block_on(future) {
            eprintln!("QUIC ended: {error}");
        }
    });
}

fn runtime() -> Result<runtime::Runtime> {
    Ok(runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Packets as large as those of the elements.
const LARGEST_PACKET: u16 = 8952;

fn endpoint(server: Option<quinn::ServerConfig>, port: u16) -> Result<quinn::Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut config = quinn::EndpointConfig::default();
    config.max_udp_payload_size(LARGEST_PACKET)?;
    let runtime = Arc::new(quinn::TokioRuntime);
    Ok(quinn::Endpoint::new(config, server, socket, runtime)?)
}

fn transport() -> Arc<quinn::TransportConfig> {
    let mut mtu = quinn::MtuDiscoveryConfig::default();
    mtu.upper_bound(LARGEST_PACKET);
    let mut config = quinn::TransportConfig::default();
    config.mtu_discovery_config(Some(mtu));
    Arc::new(config)
}
