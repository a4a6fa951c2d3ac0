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
mod version;

pub use client::*;
pub use error::*;
pub use model::*;
pub use path::*;
pub use server::*;
pub use session::*;

/// The versions that SETUP can agree on, the preferred first.
pub const VERSIONS: [coding::Version; 3] = {
    let [first, second, third] = version::Version::SETUP;
    [first.coding(), second.coding(), third.coding()]
};

/// The protocol names to offer in the TLS handshake or the WebTransport request,
/// the preferred first.
pub const ALPNS: [&str; 2] = [lite::ALPN, ietf::ALPN];
