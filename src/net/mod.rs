//! The network: sessions made by dialling a URL or by listening, over WebTransport or raw QUIC, and by dialling over a WebSocket
//! where there is no way for UDP.
//!
//! The only folder that names quinn, rustls or sockets. It knows no media protocol: it hands out a [`Transport`] and what was
//! said in the URL, and the caller speaks moq over it.
//!
//! | file | holds |
//! |---|---|
//! | `admission` | how many handshakes each host may begin |
//! | `connect` | dialling: every address of a host, bounded in time |
//! | `listen` | one port that serves raw QUIC, WebTransport, the certificate's fingerprint and pages for browsers |
//! | `fallback` | QUIC first, then a WebSocket; what is remembered of hosts |
//! | `websocket` | dialling a WebSocket, with streams inside it |
//! | `upgrade` | the HTTP/1.1 request that opens it |
//! | `transport` | one type for a session over QUIC or a WebSocket |
//! | `target` | which URLs mean what, and how they are printed |
//! | `tls` | whom a client trusts |
//! | `certificate` | who a server is: PEM files, or a short-lived certificate made here |
//! | `keeper` | the certificate of the moment: renewed in time, or read again when its files change |
//! | `host` | what counts as one host when each may have so much |
//! | `fingerprint` | SHA-256 of a certificate |
//! | `quic` | transport parameters |
//! | `pulse` | whether the other end still answers |
//! | `seats` | how many connections each host has open |
//! | `socket` | dual-stack sockets, and one that lets go of its port at once |
//! | `http` | the few lines of HTTP/1 that fetch and serve a fingerprint, and the pages for browsers |
//! | `error` | what went wrong, as sentences for a user |

mod admission;
mod certificate;
mod connect;
mod error;
mod fallback;
mod fingerprint;
mod host;
mod http;
mod keeper;
mod listen;
mod pulse;
mod quic;
mod seats;
mod socket;
mod target;
mod tls;
mod transport;
mod upgrade;
mod websocket;

pub use admission::Share;
pub use connect::{ConnectOptions, Connected, connect};
pub use error::{Error, Failure, Kind};
pub use fallback::WebSocket;
pub use fingerprint::Fingerprint;
pub use host::Host;
pub use listen::{Accepted, ListenOptions, Listener, Refusals};
pub use quic::{Congestion, Quic};
pub use target::redact;
pub use tls::Tls;
pub use transport::{Carrier, Over, Transport};
