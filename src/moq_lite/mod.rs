//! The transport: an implementation of moq-lite and of IETF moq-transport that is
//! usable without GStreamer.

mod client;
pub mod coding;
mod error;
pub mod ietf;
pub mod lite;
mod model;
mod order;
mod path;
mod roles;
mod server;
mod session;
mod setup;
mod stats;
mod status;
mod version;

pub use client::*;
pub use error::*;
pub use model::*;
pub use path::*;
pub use server::*;
pub use session::*;
pub use stats::{Direction, SessionStats, TrackStats, Traffic};
pub use version::carries_path;

/// Every version, the preferred first.
pub const VERSIONS: [coding::Version; 7] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    let [fifth, sixth, seventh] = version::Version::SETUP;
    [
        first.coding(),
        second.coding(),
        third.coding(),
        fourth.coding(),
        fifth.coding(),
        sixth.coding(),
        seventh.coding(),
    ]
};

/// The protocol names to offer in the TLS handshake or the WebTransport request,
/// the preferred first.
pub const ALPNS: [&str; 6] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    [
        first.alpn(),
        second.alpn(),
        third.alpn(),
        fourth.alpn(),
        lite::ALPN,
        ietf::ALPN,
    ]
};
