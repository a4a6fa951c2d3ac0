//! Who an endpoint is: a certificate and its key, from PEM files or made here.

use std::{
    fs::File,
    io::Read,
    path::Path,
    time::{Duration, SystemTime},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::Error;

/// A chain of certificates, its own first, and the key of the first.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads PEM files. Whether the two belong together shows when they are used: see [`mismatch`].
    pub(super) fn load(chain: &Path, key: &Path) -> Result<Self, Error> {
        let chain = certificates(chain)?;
        let pem = read(key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| file(key, format!("it holds no private key in PEM ({error})")))?;
        Ok(Self { chain, key })
    }

    /// Makes a self-signed certificate for this machine, short-lived enough that browsers accept it by its fingerprint:
    /// ECDSA with P-256, valid for less than 14 days.
    pub(super) fn generate(now: SystemTime) -> Result<Self, Error> {
        let failed = |error: rcgen::Error| Error::System {
            doing: "cannot make a certificate",
            reason: error.to_string(),
        };
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
        names.extend(host_name());

        let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now - BACKDATED + LIFETIME).into();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "gst-plugin-moq");
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            chain: vec![certificate.into()],
            key: key.into(),
        })
    }
}

/// Every certificate of a PEM file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(path)?;
    let list: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| file(path, format!("it is not PEM ({error})")))?;
    if list.is_empty() {
        return Err(file(path, "it holds no certificate in PEM".into()));
    }
    Ok(list)
}

/// What rustls says about a certificate and key that it does not take.
pub(super) fn mismatch(
    files: Option<&(std::path::PathBuf, std::path::PathBuf)>,
    error: &rustls::Error,
) -> Error {
    match files {
        Some((chain, key)) => {
            let reason = match error {
                rustls::Error::InconsistentKeys(_) => format!(
                    "the key in {} belongs to another certificate",
                    key.display()
                ),
                _ => format!("with the key in {}: {error}", key.display()),
            };
            file(chain, reason)
        }
        None => Error::System {
            doing: "cannot set up TLS",
            reason: error.to_string(),
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|opened| opened.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| file(path, error.to_string()))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(file(path, format!("it is larger than {FILE_LIMIT} bytes")));
    }
    Ok(bytes)
}

fn file(path: &Path, reason: String) -> Error {
    Error::File {
        path: path.to_owned(),
        reason,
    }
}

/// The machine's name, where the system tells it and a certificate can hold it.
fn host_name() -> Option<String> {
    let name = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())?;
    let name = name.trim();
    let fits = (1..=253).contains(&name.len())
        && name != "localhost"
        && !name.starts_with(['-', '.'])
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && rustls::pki_types::DnsName::try_from(name).is_ok();
    fits.then(|| name.to_ascii_lowercase())
}

/// For peers whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// Browsers allow 14 days from the first second to the last.
const LIFETIME: Duration = Duration::from_secs(13 * 24 * 60 * 60);

/// Larger than any system's bundle of roots.
const FILE_LIMIT: u64 = 4 << 20;
