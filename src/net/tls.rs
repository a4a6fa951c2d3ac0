//! Whom a client trusts, and who it says it is.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{
    Error, Fingerprint,
    certificate::{self, Identity},
    keeper::Keeper,
};

/// How a client judges a server's certificate, and the certificate that it shows itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// A PEM file with roots that are trusted besides those of the system.
    pub roots_file: Option<PathBuf>,
    /// If not empty: a server is accepted if its certificate is one of these, and only then, whatever name and dates it has.
    pub fingerprints: Vec<Fingerprint>,
    /// Accept every certificate. Insecure; fingerprints come first where both are given.
    pub disable_verify: bool,
    /// PEM files of a client certificate chain and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// What clients that offer `alpn` have in common.
    pub(super) fn client(&self, alpn: Vec<Vec<u8>>) -> Result<Client, Error> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = if !self.fingerprints.is_empty() {
            let trust = Trust::These(self.fingerprints.clone());
            Arc::new(Lenient {
                trust,
                provider: provider.clone(),
            })
        } else if self.disable_verify {
            Arc::new(Lenient {
                trust: Trust::Anyone,
                provider: provider.clone(),
            })
        } else {
            let roots = Arc::new(self.roots()?);
            WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| {
                    Error::Settings(format!("certificates cannot be judged: {error}"))
                })?
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| certificate::mismatch(None, &error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let identity = Identity::load(&files.0, &files.1)?;
                builder
                    .with_client_auth_cert(identity.chain, identity.key)
                    .map_err(|error| certificate::mismatch(Some(files), &error))?
            }
        };
        config.alpn_protocols = alpn;
        Ok(Client { config, verifier })
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        // A machine without system roots, or with a broken one among them, still connects where its own roots suffice.
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "system root skipped");
        }
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = &self.roots_file {
            for root in certificate::certificates(path)? {
                roots.add(root).map_err(|error| Error::File {
                    path: path.clone(),
                    reason: format!("a certificate in it cannot be a root ({error})"),
                })?;
            }
        }
        if roots.is_empty() {
            return Err(Error::Settings(
                "this machine has no trusted root certificates: install them (ca-certificates), or set \
                 certificate-database-file or certificate-fingerprints"
                    .into(),
            ));
        }
        Ok(roots)
    }
}

/// A client's configuration.
#[derive(Clone)]
pub(super) struct Client {
    config: ClientConfig,
    verifier: Arc<dyn ServerCertVerifier>,
}

/// Why a certificate was not trusted, once that happened.
pub(super) type Complaint = Arc<OnceLock<String>>;

impl Client {
    /// The same trust for another protocol.
    pub(super) fn with_alpn(mut self, alpn: &[u8]) -> Self {
        self.config.alpn_protocols = vec![alpn.to_vec()];
        self
    }

    /// The configuration for one connection, and where it leaves its complaint about the server's certificate.
    pub(super) fn attempt(&self) -> (ClientConfig, Complaint) {
        let complaint = Complaint::default();
        let mut config = self.config.clone();
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(Recorded {
                verifier: self.verifier.clone(),
                complaint: complaint.clone(),
            }));
        (config, complaint)
    }
}

/// The configuration of a server that accepts `alpn` and shows the certificate of the moment.
pub(super) fn server(keeper: Arc<Keeper>, alpn: Vec<Vec<u8>>) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| certificate::mismatch(None, &error))?
        .with_no_client_auth()
        .with_cert_resolver(keeper);
    config.alpn_protocols = alpn;
    Ok(config)
}

/// Named at every use, so that the process' default stays the application's choice.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Judges as `verifier` does, and writes down what it dislikes: QUIC passes on no more than an error's text.
#[derive(Debug)]
struct Recorded {
    verifier: Arc<dyn ServerCertVerifier>,
    complaint: Complaint,
}

impl ServerCertVerifier for Recorded {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .inspect_err(|error| {
                let _ = self.complaint.set(explain(error));
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, cert, dss)
            .inspect_err(|error| {
                let _ = self.complaint.set(format!(
                    "the server does not prove that it has its key: {error}"
                ));
            })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn explain(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    match error {
        CertificateError::UnknownIssuer => "no authority trusted here has signed it".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; is this machine's clock right?".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is made out for another name than the URL's".into()
        }
        CertificateError::Other(OtherError(error)) => error.to_string(),
        error => error.to_string(),
    }
}

/// The TLS alerts of a server about our certificate: bad, unsupported, revoked, expired, unknown, unknown issuer, missing.
pub(super) const CLIENT_CERTIFICATE: [u8; 7] = [42, 43, 44, 45, 46, 48, 116];

/// Replaces the judgement about the certificate. That the server owns the certificate's key is proven in any case.
#[derive(Debug)]
struct Lenient {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Trust {
    These(Vec<Fingerprint>),
    Anyone,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.trust {
            Trust::Anyone => Ok(ServerCertVerified::assertion()),
            Trust::These(list) => {
                let seen = Fingerprint::of(end_entity);
                if list.contains(&seen) {
                    Ok(ServerCertVerified::assertion())
                } else {
                    Err(CertificateError::Other(OtherError(Arc::new(Unpinned(seen)))).into())
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The certificate is not one of those that were named.
#[derive(Debug)]
struct Unpinned(Fingerprint);

impl fmt::Display for Unpinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its fingerprint is {}, not one of those expected",
            self.0
        )
    }
}

impl std::error::Error for Unpinned {}
