//! The certificate that a server shows: made anew before it expires, or read again when its files change.

use std::{
    fs, io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{task, time};

use super::{
    Error, Fingerprint,
    certificate::{self, Identity},
    tls,
};

/// Chain and key.
type Files = (PathBuf, PathBuf);

/// Tells when a certificate is old.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The time of day.
    now: fn() -> SystemTime,
    /// How often a made certificate's age is looked at.
    look: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            now: SystemTime::now,
            look: Duration::from_secs(60),
        }
    }
}

/// Hands out the certificate of the moment. Sessions that stand keep the one that they began with.
#[derive(Debug)]
pub(super) struct Keeper {
    files: Option<Files>,
    clock: Clock,
    /// Held for a moment: handshakes wait for it.
    shown: Mutex<Shown>,
    /// Held while files are read. Locked before `shown`.
    origin: Mutex<Origin>,
}

#[derive(Debug)]
struct Shown {
    certified: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
}

/// What tells that another certificate is due.
#[derive(Debug)]
enum Origin {
    Made {
        at: SystemTime,
    },
    Read {
        stamp: Stamp,
        /// Files that did not serve, and how often they were tried.
        failed: Option<(Stamp, u32)>,
    },
}

/// When each of the files was changed, and its size.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Keeper {
    /// Begins with the certificate of `files`, or with one made here.
    pub(super) fn new(files: Option<Files>, clock: Clock) -> Result<Self, Error> {
        let now = (clock.now)();
        let (identity, origin) = match &files {
            Some(files) => {
                let (stamp, failed) = (stamp(files), None);
                (load(files)?, Origin::Read { stamp, failed })
            }
            None => (Identity::generate(now)?, Origin::Made { at: now }),
        };
        let (certified, fingerprint) = certify(files.as_ref(), identity)?;
        let shown = Mutex::new(Shown {
            certified,
            fingerprint,
        });
        Ok(Self {
            files,
            clock,
            shown,
            origin: Mutex::new(origin),
        })
    }

    /// The fingerprint of the certificate of the moment.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.shown.lock().fingerprint
    }

    /// Looks for another certificate where one is due, for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>) {
        let period = match self.files {
            Some(_) => FILES_PERIOD,
            None => self.clock.look,
        };
        loop {
            time::sleep(period).await;
            let keeper = self.clone();
            let looked = task::spawn_blocking(move || keeper.refresh((keeper.clock.now)())).await;
            match looked {
                Ok(Ok(None)) | Err(_) => {}
                Ok(Ok(Some(fingerprint))) => tracing::info!(%fingerprint, "another certificate"),
                Ok(Err(error)) => tracing::warn!(%error, "the certificate stays as it is"),
            }
        }
    }

    /// Changes the certificate if it is time. An error leaves the one before, and is told once.
    fn refresh(&self, now: SystemTime) -> Result<Option<Fingerprint>, Error> {
        let mut known = self.origin.lock();
        let (identity, origin) = match (&self.files, &mut *known) {
            (Some(files), Origin::Read { stamp: old, failed }) => {
                let new = stamp(files);
                if new == *old {
                    return Ok(None);
                }
                let tries = match failed {
                    Some((stamp, tries)) if *stamp == new => *tries + 1,
                    _ => 1,
                };
                if tries > FILES_TRIES {
                    return Ok(None);
                }
                let read = load(files).and_then(|identity| certify(Some(files), identity));
                match read {
                    Ok(read) => {
                        let (stamp, failed) = (new, None);
                        (read, Origin::Read { stamp, failed })
                    }
                    Err(error) => {
                        *failed = Some((new, tries));
                        // Perhaps they are just being written.
                        return if tries < FILES_TRIES {
                            Ok(None)
                        } else {
                            Err(error)
                        };
                    }
                }
            }
            (_, Origin::Made { at }) => {
                // A clock that was set back makes it one of the future.
                let age = now.duration_since(*at).ok();
                if age.is_some_and(|age| age < RENEWED) {
                    return Ok(None);
                }
                let identity = Identity::generate(now)?;
                (certify(None, identity)?, Origin::Made { at: now })
            }
            (None, Origin::Read { .. }) => return Ok(None),
        };
        *known = origin;
        let (certified, fingerprint) = identity;
        let shown = Shown {
            certified,
            fingerprint,
        };
        let before = std::mem::replace(&mut *self.shown.lock(), shown);
        Ok((fingerprint != before.fingerprint).then_some(fingerprint))
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.lock().certified.clone())
    }
}

fn load(files: &Files) -> Result<Identity, Error> {
    Identity::load(&files.0, &files.1)
}

fn certify(
    files: Option<&Files>,
    identity: Identity,
) -> Result<(Arc<CertifiedKey>, Fingerprint), Error> {
    let fingerprint = Fingerprint::of(&identity.chain[0]);
    let certified = CertifiedKey::from_der(identity.chain, identity.key, &tls::provider())
        .map_err(|error| certificate::mismatch(files, &error))?;
    Ok((Arc::new(certified), fingerprint))
}

fn stamp(files: &Files) -> Stamp {
    let look = |path: &PathBuf| -> io::Result<_> {
        let metadata = fs::metadata(path)?;
        Ok((metadata.modified()?, metadata.len()))
    };
    [look(&files.0).ok(), look(&files.1).ok()]
}

/// Half of a made certificate's life: a fingerprint that a page was given stays good for days.
const RENEWED: Duration = Duration::from_secs(6 * 24 * 60 * 60);

/// How often the files are looked at.
const FILES_PERIOD: Duration = Duration::from_secs(1);

/// How often files that do not serve are tried before they are complained of.
const FILES_TRIES: u32 = 3;

#[cfg(test)]
#[path = "../../tests/common/pem.rs"]
mod pem;

#[cfg(test)]
#[path = "../../tests/common/waiting.rs"]
mod waiting;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::mpsc,
    };
    use web_transport_trait::{RecvStream as _, SendStream as _, Session as _};

    use super::{
        super::{
            ConnectOptions, ListenOptions, Listener, Quic, Share, Tls, Transport, WebSocket,
            connect,
        },
        pem::pem,
        waiting::{eventually, within},
        *,
    };

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn a_made_certificate_is_renewed_days_before_it_expires() {
        let keeper = Keeper::new(None, Clock::default()).unwrap();
        let start = SystemTime::now();
        let first = keeper.fingerprint();
        assert_eq!(keeper.refresh(start + 5 * DAY).unwrap(), None);
        let second = keeper.refresh(start + 7 * DAY).unwrap();
        assert!(second.is_some_and(|second| second != first));
        assert_eq!(keeper.fingerprint(), second.unwrap());
        assert_eq!(keeper.refresh(start + 12 * DAY).unwrap(), None);
        // Someone sets the clock right.
        assert!(keeper.refresh(start).unwrap().is_some());
    }

    /// The fingerprint as a browser is told it.
    async fn told(server: std::net::SocketAddr) -> Fingerprint {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let request = b"GET /certificate.sha256 HTTP/1.1\r\nHost: h\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let line = answer.lines().last().expect("there is a body");
        line.parse().expect("it is a fingerprint")
    }

    /// A byte from one end to the other.
    async fn works(from: &Transport, to: &Transport) {
        within(async {
            let mut send = from.open_uni().await.unwrap();
            send.write_all(b"x").await.unwrap();
            send.finish().unwrap();
            let mut receive = to.accept_uni().await.unwrap();
            assert_eq!(receive.read_all().await.unwrap(), "x");
        })
        .await;
    }

    #[tokio::test]
    async fn a_running_server_shows_a_renewed_certificate_and_its_sessions_go_on() {
        static AHEAD: AtomicU64 = AtomicU64::new(0);
        let clock = Clock {
            now: || SystemTime::now() + Duration::from_secs(AHEAD.load(Ordering::Relaxed)),
            look: Duration::from_millis(20),
        };
        let options = ListenOptions {
            address: "127.0.0.1:0".into(),
            identity: None,
            http_root: None,
            quic: Quic::default(),
            protocols: vec!["moql"],
        };
        let mut server = Listener::bind_by(&options, Share::default(), clock)
            .await
            .unwrap();
        let address = server.local_addr();
        let (sender, mut accepted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(session) = server.accept().await {
                let _ = sender.send(session);
            }
        });
        let dial = async |scheme: &str, fingerprints: &[Fingerprint]| {
            let options = ConnectOptions {
                url: format!("{scheme}://{address}/").parse().unwrap(),
                token: None,
                tls: Tls {
                    fingerprints: fingerprints.to_vec(),
                    ..Tls::default()
                },
                quic: Quic::default(),
                protocols: vec!["moql"],
                websocket: WebSocket {
                    enabled: false,
                    ..WebSocket::default()
                },
            };
            within(connect(&options)).await
        };

        let before = told(address).await;
        let first = dial("https", &[before]).await.unwrap().transport;
        let first_served = within(accepted.recv()).await.unwrap().transport;
        works(&first, &first_served).await;

        AHEAD.store(7 * DAY.as_secs(), Ordering::Relaxed);
        eventually("the certificate is renewed", async || {
            told(address).await != before
        })
        .await;
        let after = told(address).await;
        // Who knows the new one gets in, and who asks for it first; who knows the old one does not.
        for (scheme, fingerprints) in [("https", &[after][..]), ("http", &[])] {
            let next = dial(scheme, fingerprints).await.unwrap().transport;
            let next_served = within(accepted.recv()).await.unwrap().transport;
            works(&next, &next_served).await;
        }
        assert!(dial("https", &[before]).await.is_err());
        // Whoever was there goes on.
        works(&first, &first_served).await;
        works(&first_served, &first).await;
    }

    #[test]
    fn files_are_read_again_when_they_change_and_kept_when_they_are_wrong() {
        let folder =
            std::env::temp_dir().join(format!("gst-plugin-moq-keeper-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files = (folder.join("chain.pem"), folder.join("key.pem"));
        let start = SystemTime::now();
        let mut minute = 0;
        // Files whose times differ, however coarse the file system's clock.
        let mut write = |chain: &str, key: &str| {
            for (path, text) in [(&files.0, chain), (&files.1, key)] {
                minute += 1;
                fs::write(path, text).unwrap();
                let file = fs::File::options().write(true).open(path).unwrap();
                file.set_modified(start + Duration::from_secs(60 * minute))
                    .unwrap();
            }
        };
        let made = || {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
            let certificate = params.self_signed(&key).unwrap();
            (
                pem("CERTIFICATE", certificate.der()),
                pem("PRIVATE KEY", &key.serialize_der()),
            )
        };
        let (first, second) = (made(), made());
        write(&first.0, &first.1);
        let keeper = Keeper::new(Some(files.clone()), Clock::default()).unwrap();
        let fingerprint = keeper.fingerprint();
        assert_eq!(keeper.refresh(start).unwrap(), None);

        // The half of a change, and it stays like this: told once.
        write(&second.0, &first.1);
        let results: Vec<_> = (0..5).map(|_| keeper.refresh(start)).collect();
        let errors = results.iter().filter_map(|result| result.as_ref().err());
        assert_eq!(errors.count(), 1);
        assert_eq!(keeper.fingerprint(), fingerprint);

        write(&second.0, &second.1);
        let changed = keeper.refresh(start).unwrap();
        assert!(changed.is_some_and(|changed| changed != fingerprint));
        fs::remove_file(&files.0).unwrap();
        for _ in 0..5 {
            let _ = keeper.refresh(start);
        }
        assert_eq!(Some(keeper.fingerprint()), changed);
        fs::remove_dir_all(&folder).unwrap();
    }
}
