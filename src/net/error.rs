//! What can go wrong in the network, each as one sentence that a user can act on.

use std::{fmt, io, net::SocketAddr, path::PathBuf, time::Duration};

/// Why a session or a listener did not come to be.
///
/// No text in it holds a token: URLs are printed through [`redact`](super::redact), and words of the peer are scrubbed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be used.
    #[error("the URL cannot be used: {0}")]
    Url(String),

    /// A token was given, and what was agreed on has no place for it.
    #[error(
        "the token cannot be sent: the server agreed on {protocol}, which over raw QUIC has no place for it; use an https:// \
         URL, whose request carries it"
    )]
    TokenNotCarried {
        /// What was agreed on.
        protocol: String,
    },

    /// An option other than the URL is wrong.
    #[error("{0}")]
    Settings(String),

    /// A file with certificates or a key is not usable.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file as it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The host's name has no address.
    #[error("cannot find the address of {host}: {reason}")]
    Resolve {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        reason: String,
    },

    /// The fingerprint of a development server could not be fetched.
    #[error("cannot fetch the certificate's fingerprint from {url}: {reason}")]
    Fetch {
        /// The address that was asked.
        url: String,
        /// What happened instead.
        reason: String,
        /// Whether an HTTP server answered at all.
        answered: bool,
    },

    /// No address of the host gave a session.
    #[error("cannot connect to {host}: {failure}{}", others(also))]
    Connect {
        /// `host:port` of the URL.
        host: String,
        /// The most telling of the failures.
        failure: Failure,
        /// The addresses that failed besides it.
        also: Vec<SocketAddr>,
    },

    /// Neither QUIC nor a WebSocket gave a session.
    #[error("{quic} (and over a WebSocket: {websocket})")]
    Neither {
        /// Why QUIC did not connect.
        quic: Box<Error>,
        /// The most telling of the failures of the WebSocket.
        websocket: Failure,
    },

    /// The port to listen on is taken.
    #[error(
        "{address} ({protocol}) is already in use: stop the other program or choose another port"
    )]
    Busy {
        /// The address that was asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
    },

    /// The address to listen on cannot be bound.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        reason: io::Error,
    },

    /// The system refuses a socket, a random number or the like.
    #[error("{doing}: {reason}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        reason: String,
    },
}

impl Error {
    /// Whose fault it is, which is what decides the class of the message that an application sees.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Url(_)
            | Error::TokenNotCarried { .. }
            | Error::Settings(_)
            | Error::File { .. } => Kind::Settings,
            Error::Resolve { .. } => Kind::NotFound,
            Error::Fetch { answered: true, .. } => Kind::NotFound,
            Error::Fetch {
                answered: false, ..
            } => Kind::Unreachable,
            Error::Connect { failure, .. } => failure.kind(),
            // What else the web server at that port says need not come from the server that QUIC was to reach.
            Error::Neither { quic, websocket } => match websocket.kind() {
                Kind::NotAuthorized => Kind::NotAuthorized,
                _ => quic.kind(),
            },
            Error::Busy { .. } => Kind::Busy,
            Error::Bind { .. } => Kind::Settings,
            Error::System { .. } => Kind::System,
        }
    }

    /// Whether the server answered that it cannot serve now: one that is restarting, or that the proxy before it lost, does so with a
    /// status of 500 or above.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Connect { failure, .. } => failure.is_passing(),
            Error::Neither { quic, websocket } => quic.is_passing() || websocket.is_passing(),
            _ => false,
        }
    }
}

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An option is wrong; trying again with the same options fails again.
    Settings,
    /// The host, or what was asked of it, does not exist.
    NotFound,
    /// The server is there and says no to this user.
    NotAuthorized,
    /// Nothing answers; it may heal by itself.
    Unreachable,
    /// The server's certificate is not trusted.
    Tls,
    /// The server is there and cannot speak with us, for another reason than who we are.
    Refused,
    /// The server closed the connection while it was being set up.
    Closed,
    /// The address to listen on is taken.
    Busy,
    /// This machine ran out of something.
    System,
}

/// Why one address gave no session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No answer in time.
    Timeout {
        /// Where.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The system said that the address cannot be reached, or that nothing listens there.
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The server's certificate is not trusted.
    Untrusted {
        /// Where.
        address: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// The server wants a certificate of the client, or another one.
    ClientCertificate {
        /// Where.
        address: SocketAddr,
    },
    /// The server speaks none of the protocols offered.
    NoCommonProtocol {
        /// Where.
        address: SocketAddr,
        /// What was offered in the TLS handshake.
        offered: String,
    },
    /// The answer to the WebTransport request was not 200.
    Status {
        /// Where.
        address: SocketAddr,
        /// The HTTP status.
        status: u16,
    },
    /// The connection ended before there was a session.
    Closed {
        /// Where.
        address: SocketAddr,
        /// What the peer or the transport said.
        reason: String,
    },
}

impl Failure {
    /// The class of this failure.
    pub fn kind(&self) -> Kind {
        match self {
            Failure::Timeout { .. } | Failure::Unreachable { .. } => Kind::Unreachable,
            Failure::Untrusted { .. } => Kind::Tls,
            Failure::ClientCertificate { .. }
            | Failure::Status {
                status: 401 | 403, ..
            } => Kind::NotAuthorized,
            Failure::Status { status: 404, .. } => Kind::NotFound,
            Failure::NoCommonProtocol { .. } | Failure::Status { .. } => Kind::Refused,
            Failure::Closed { .. } => Kind::Closed,
        }
    }

    /// The address that failed.
    pub fn address(&self) -> SocketAddr {
        match self {
            Failure::Timeout { address, .. }
            | Failure::Unreachable { address, .. }
            | Failure::Untrusted { address, .. }
            | Failure::ClientCertificate { address }
            | Failure::NoCommonProtocol { address, .. }
            | Failure::Status { address, .. }
            | Failure::Closed { address, .. } => *address,
        }
    }

    fn is_passing(&self) -> bool {
        matches!(self, Failure::Status { status: 500.., .. })
    }

    /// How much it tells: an answer says more than silence.
    fn weight(&self) -> u8 {
        match self {
            Failure::Unreachable { .. } => 0,
            Failure::Timeout { .. } => 1,
            Failure::Closed { .. } => 2,
            _ => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout {
                address,
                protocol,
                after,
            } => write!(
                f,
                "nothing answered at {address} ({protocol}) within {} s; is the server running, and is {protocol} allowed on \
                 the way?",
                after.as_secs_f32()
            ),
            Failure::Unreachable {
                address,
                protocol,
                reason,
            } => write!(
                f,
                "nothing is reachable at {address} ({protocol}): {reason}; is the server running?"
            ),
            Failure::Untrusted { address, reason } => write!(
                f,
                "the certificate of {address} is not trusted ({reason}); set certificate-database-file, \
                 certificate-fingerprints or tls-disable-verify if it should be"
            ),
            Failure::ClientCertificate { address } => write!(
                f,
                "{address} wants another client certificate; set certificate-file and private-key-file"
            ),
            Failure::NoCommonProtocol { address, offered } => write!(
                f,
                "{address} speaks QUIC but none of the protocols offered ({offered}); is it a moq server, and is the URL's \
                 scheme right?"
            ),
            Failure::Status {
                address,
                status: status @ (401 | 403),
            } => write!(
                f,
                "{address} does not allow this session (HTTP status {status}); check auth-token and the path of the URL"
            ),
            Failure::Status {
                address,
                status: 404,
            } => {
                write!(
                    f,
                    "{address} does not know the path of the URL (HTTP status 404)"
                )
            }
            Failure::Status { address, status } => {
                write!(f, "{address} refused the session (HTTP status {status})")
            }
            Failure::Closed { address, reason } => {
                write!(f, "{address} ended the connection: {reason}")
            }
        }
    }
}

/// One error out of what every address of `host` said; `None` if there was no address.
pub(super) fn most_telling(host: String, mut failures: Vec<Failure>) -> Option<Error> {
    let failure = take_heaviest(&mut failures)?;
    let also = failures.iter().map(Failure::address).collect();
    Some(Error::Connect {
        host,
        failure,
        also,
    })
}

/// The most telling one; the first of them, since addresses come in the order of preference.
pub(super) fn take_heaviest(failures: &mut Vec<Failure>) -> Option<Failure> {
    let heaviest = failures.iter().map(Failure::weight).max()?;
    let position = failures
        .iter()
        .position(|failure| failure.weight() == heaviest)?;
    Some(failures.remove(position))
}

/// Words of a peer made fit to print: one line, bounded, without the secret.
pub(super) fn scrub(text: &str, secret: Option<&str>) -> String {
    let text = match secret {
        Some(secret) if !secret.is_empty() => text.replace(secret, "***"),
        _ => text.to_owned(),
    };
    text.chars()
        .take(PEER_WORDS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn others(also: &[SocketAddr]) -> String {
    if also.is_empty() {
        return String::new();
    }
    let list: Vec<_> = also.iter().map(SocketAddr::to_string).collect();
    format!(" (also tried {})", list.join(", "))
}

/// Characters of a peer's explanation that are kept.
const PEER_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn an_answer_tells_more_than_silence() {
        let silent = Failure::Timeout {
            address: address(1),
            protocol: "UDP",
            after: Duration::from_secs(10),
        };
        let refused = Failure::Status {
            address: address(2),
            status: 401,
        };
        let error = most_telling("host:1".into(), vec![silent, refused]).unwrap();
        assert_eq!(error.kind(), Kind::NotAuthorized);
        assert_eq!(
            error.to_string(),
            "cannot connect to host:1: 127.0.0.1:2 does not allow this session (HTTP status 401); check auth-token and the \
             path of the URL (also tried 127.0.0.1:1)"
        );
    }

    #[test]
    fn a_timeout_says_how_long_was_waited() {
        let silent = Failure::Timeout {
            address: address(9),
            protocol: "UDP",
            after: Duration::from_secs(10),
        };
        assert_eq!(
            silent.to_string(),
            "nothing answered at 127.0.0.1:9 (UDP) within 10 s; is the server running, and is UDP allowed on the way?"
        );
    }

    #[test]
    fn of_two_ways_that_fail_both_are_told_and_a_refusal_of_the_user_counts() {
        let silent = Failure::Timeout {
            address: address(1),
            protocol: "UDP",
            after: Duration::from_secs(10),
        };
        let neither = |status| Error::Neither {
            quic: most_telling("host:1".into(), vec![silent.clone()])
                .unwrap()
                .into(),
            websocket: Failure::Status {
                address: address(1),
                status,
            },
        };
        assert_eq!(
            neither(403).to_string(),
            "cannot connect to host:1: nothing answered at 127.0.0.1:1 (UDP) within 10 s; is the server running, and is UDP \
             allowed on the way? (and over a WebSocket: 127.0.0.1:1 does not allow this session (HTTP status 403); check \
             auth-token and the path of the URL)"
        );
        let classes = [401, 403, 404, 400, 502].map(|status| neither(status).kind());
        use Kind::{NotAuthorized, Unreachable};
        assert_eq!(
            classes,
            [
                NotAuthorized,
                NotAuthorized,
                Unreachable,
                Unreachable,
                Unreachable
            ]
        );
        let passing = [404, 500, 503].map(|status| neither(status).is_passing());
        assert_eq!(passing, [false, true, true]);
    }

    #[test]
    fn words_of_a_peer_lose_the_secret_and_line_breaks() {
        assert_eq!(
            scrub("bad token abc.def\nnext", Some("abc.def")),
            "bad token *** next"
        );
        assert_eq!(scrub(&"x".repeat(1000), None).len(), 200);
    }
}
