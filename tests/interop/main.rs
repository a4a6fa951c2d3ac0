//! Real peers, started by the tests.
//!
//! `./test` builds them and says where they are; a missing peer is a failure.

mod blocked;
#[cfg(feature = "plugin")]
mod elements;
mod ietf;
#[path = "../common/pem.rs"]
mod pem;
mod relay;
mod seed;
mod token;
mod transport;
mod websocket;
