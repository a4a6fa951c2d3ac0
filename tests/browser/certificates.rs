//! Certificates as Chromium sees them: made by the element, given with a short life, given by an authority, changed while a
//! page plays; and the names under which the machine is known.

use std::{
    net::{IpAddr, UdpSocket},
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::PublicKeyData as _;

use crate::{
    chromium::Page,
    fixture::{H264, PICTURE, Publisher, Watched, report},
    pem::pem,
};

/// Whom this Chromium trusts, besides the authorities that all do.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    key: String,
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let key = rcgen::KeyPair::generate().expect("there is a source of randomness");
        let hash = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("there are no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("the key can sign");
        Authority {
            certificate,
            issuer: rcgen::Issuer::new(params, key),
            key: STANDARD.encode(hash),
        }
    })
}

/// The SHA-256 of the key of the authority that Chromium is to trust, in base64.
pub(crate) fn trusted_key() -> &'static str {
    &authority().key
}

/// PEM files of a chain and a key; they go with the value.
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gst-plugin-moq-browser-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
        Self { folder }
    }

    /// Writes a certificate of the authority that lives for so many days.
    pub(crate) fn of_authority(&self, days: u64) {
        let key = rcgen::KeyPair::generate().expect("there is a source of randomness");
        let leaf = params(days).signed_by(&key, &authority().issuer);
        let leaf = leaf.expect("the authority can sign");
        let root = pem("CERTIFICATE", authority().certificate.der());
        self.write(&(pem("CERTIFICATE", leaf.der()) + &root), &key);
    }

    /// Writes a certificate that nobody vouches for.
    fn of_its_own(&self, days: u64) {
        let key = rcgen::KeyPair::generate().expect("there is a source of randomness");
        let certificate = params(days).self_signed(&key).expect("the key can sign");
        self.write(&pem("CERTIFICATE", certificate.der()), &key);
    }

    fn write(&self, chain: &str, key: &rcgen::KeyPair) {
        let key = pem("PRIVATE KEY", &key.serialize_der());
        for (name, text) in [("chain.pem", chain), ("key.pem", &key)] {
            std::fs::write(self.folder.join(name), text).expect("the folder can be written to");
        }
    }

    /// Where the chain and the key are.
    pub(crate) fn paths(&self) -> [String; 2] {
        ["chain.pem", "key.pem"].map(|name| self.folder.join(name).display().to_string())
    }

    /// A line that publishes with them.
    fn line(&self, listen: &str) -> String {
        let [chain, key] = self.paths();
        format!(
            "{} certificate-file={chain} private-key-file={key}",
            line(listen)
        )
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What becomes of the files.
type Change = fn(&Files);

fn params(days: u64) -> rcgen::CertificateParams {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.extend(address().map(|address| address.to_string()));
    let mut params = rcgen::CertificateParams::new(names).expect("these are names");
    let begin = SystemTime::now() - Duration::from_secs(60 * 60);
    params.not_before = begin.into();
    params.not_after = (begin + Duration::from_secs(days * 24 * 60 * 60)).into();
    params
}

fn line(listen: &str) -> String {
    format!("{PICTURE} ! {H264} ! moqsink name=sink listen={listen} broadcast=cam")
}

/// The fingerprint that the server tells the page.
fn fingerprint(page: &Page) -> String {
    let text = page.evaluate(
        "fetch('/certificate.sha256', { cache: 'no-store' }).then((answer) => answer.text())",
    );
    text.as_str().expect("it is a text").trim().to_owned()
}

/// Whether the page's session pins the fingerprint.
fn pins(page: &Page) -> bool {
    let way = page.evaluate("sessionStorage.getItem(`way to ${location.host}`)");
    let way = way.as_str().expect("a session that stands is remembered");
    way.ends_with(" pinned")
}

#[test]
fn the_page_works_under_every_name_of_this_machine() {
    let six = Publisher::start(&line("[::1]:0"));
    Watched::open(&format!("http://localhost:{}/", six.port())).sees(10);
    let publisher = Publisher::start(&line("127.0.0.1:0"));
    let port = publisher.port();
    // This name is ::1 where Chromium speaks QUIC, and nobody is there.
    Watched::open(&format!("http://localhost:{port}/")).sees(10);
    // Another name is not trusted with pictures unless the page comes over TLS, and the page says so.
    let page = Page::open(&format!("http://studio.test:{port}/"));
    page.until(&format!(
        "document.querySelector('#notice a')?.href === 'https://studio.test:{port}/'"
    ));
    Watched::open(&format!("https://studio.test:{port}/")).sees(10);
}

#[test]
fn the_page_works_at_the_address_of_this_machine_in_its_network() {
    let Some(address) = address() else {
        return report("this machine has no address in a network: nothing to try");
    };
    let publisher = Publisher::start(&line(&format!("{address}:0")));
    let place = format!("{address}:{}", publisher.port());
    let page = Page::open(&format!("http://{place}/"));
    page.until(&format!(
        "document.querySelector('#notice a')?.href === 'https://{place}/'"
    ));
    page.screenshot("watch-one-more-step");
    // As a person who follows the link and accepts the certificate.
    page.click("#notice a");
    page.until("location.protocol === 'https:' && document.readyState === 'complete'");
    Watched::of(page).sees(10);
    drop(publisher);
    let files = Files::new();
    let changes: [(Change, bool); 2] = [
        (|files| files.of_its_own(14), true),
        (|files| files.of_authority(90), false),
    ];
    for (write, pinned) in changes {
        write(&files);
        let publisher = Publisher::start(&files.line(&format!("{address}:0")));
        let watched = Watched::open(&format!("https://{address}:{}/", publisher.port()));
        watched.sees(10);
        assert_eq!(pins(&watched.page), pinned);
    }
}

/// An address of this machine that is not loopback, if it has one. Nothing is sent to find it.
pub(crate) fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn a_certificate_of_an_authority_is_trusted_without_a_fingerprint() {
    let files = Files::new();
    // Too long for a browser to accept it by its fingerprint.
    files.of_authority(90);
    for (listen, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "localhost")] {
        let publisher = Publisher::start(&files.line(listen));
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", publisher.port());
            let watched = Watched::open(&url);
            watched.sees(10);
            assert!(!pins(&watched.page), "{url}");
        }
    }
}

#[test]
fn a_given_certificate_of_a_short_life_is_pinned() {
    let files = Files::new();
    files.of_its_own(14);
    for (listen, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "localhost")] {
        let publisher = Publisher::start(&files.line(listen));
        let watched = Watched::open(&format!("http://{host}:{}/", publisher.port()));
        watched.sees(10);
        assert!(pins(&watched.page));
    }
}

#[test]
fn a_page_plays_on_when_the_certificate_changes_and_so_does_one_that_comes_then() {
    let files = Files::new();
    files.of_its_own(14);
    let publisher = Publisher::start(&files.line("127.0.0.1:0"));
    let watched = Watched::open(&publisher.url());
    watched.sees(10);
    // From pinned to pinned, from pinned to trusted, and back.
    let changes: [(Change, bool); 3] = [
        (|files| files.of_its_own(13), true),
        (|files| files.of_authority(90), false),
        (|files| files.of_its_own(12), true),
    ];
    for (change, pinned) in changes {
        let before = fingerprint(&watched.page);
        change(&files);
        watched.page.until(&format!(
            "fetch('/certificate.sha256', {{ cache: 'no-store' }}).then((answer) => answer.text()).then((text) => text.trim() !== '{before}')"
        ));
        // The session that stands is not disturbed.
        watched.sees(15);
        // A page that was loaded before the change, with what it remembers, connects anew.
        watched
            .page
            .evaluate("document.querySelector('moq-watch').connection.established.peek().close()");
        watched
            .page
            .until("document.getElementById('status').textContent !== 'Live'");
        watched.sees(15);
        assert_eq!(pins(&watched.page), pinned);
        // And so does one that comes now.
        Watched::open(&publisher.url()).sees(5);
    }
}
