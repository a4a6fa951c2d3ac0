//! How a session starts.

use super::{Parameters, message::message};
use crate::moq_lite::coding;

message! {
    /// The versions that the client speaks.
    ClientSetup = 0x20 {
        /// The preferred version first.
        versions: coding::Versions,
        /// What else the server should know.
        parameters: Parameters,
    }
}

message! {
    /// The version that the server chose.
    ServerSetup = 0x21 {
        /// One of the client's.
        version: coding::Version,
        /// What else the client should know.
        parameters: Parameters,
    }
}
