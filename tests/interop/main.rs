//! Real peers, started by the tests.
//!
//! `./test` builds them and says where they are; a missing peer is a failure.

mod relay;
mod transport;
