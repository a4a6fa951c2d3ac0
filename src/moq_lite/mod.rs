//! The transport: an implementation of moq-lite that is usable without
//! GStreamer.

mod client;
pub mod coding;
mod error;
pub mod lite;
mod model;
mod path;
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
pub const VERSIONS: [coding::Version; 6] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    let [fifth, sixth] = version::Version::SETUP;
    [
        first.coding(),
        second.coding(),
        third.coding(),
        fourth.coding(),
        fifth.coding(),
        sixth.coding(),
    ]
};

/// The protocol names to offer in the TLS handshake or the WebTransport request,
/// the preferred first.
pub const ALPNS: [&str; 5] = {
    let [first, second, third, fourth] = version::Version::DIRECT;
    [
        first.alpn(),
        second.alpn(),
        third.alpn(),
        fourth.alpn(),
        lite::ALPN,
    ]
};
