//! Media over QUIC for GStreamer.
pub mod media;
pub mod moq_lite;
pub mod net;
pub mod subscribe;
