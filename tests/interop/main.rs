//! Real peers, started by the tests.
//!
//! `./test` builds them and says where they are; a missing peer is a failure.

mod authority;
mod blocked;
#[cfg(feature = "plugin")]
mod cli;
#[cfg(feature = "plugin")]
mod codecs;
#[cfg(feature = "plugin")]
mod containers;
#[cfg(feature = "plugin")]
mod elements;
mod ietf;
#[cfg(feature = "plugin")]
#[allow(dead_code)] // others change the conditions
#[path = "../common/link.rs"]
mod link;
#[cfg(feature = "plugin")]
#[path = "../pipelines/media.rs"]
mod media;
#[cfg(feature = "plugin")]
mod minted;
#[cfg(feature = "plugin")]
mod muxers;
#[cfg(feature = "plugin")]
mod outages;
#[path = "../common/pem.rs"]
mod pem;
#[path = "../common/program.rs"]
mod program;
#[cfg(feature = "plugin")]
mod python;
mod relay;
mod seed;
#[cfg(feature = "plugin")]
#[allow(dead_code)] // the pipelines use more of it
#[path = "../pipelines/support.rs"]
mod support;
mod token;
mod transport;
#[path = "../common/versions.rs"]
mod versions;
#[path = "../common/waiting.rs"]
mod waiting;
mod websocket;
