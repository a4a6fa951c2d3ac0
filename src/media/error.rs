//! Why media bytes were refused.

/// Media bytes that cannot be used; each variant says which kind of bytes and what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The catalog as a whole cannot be read.
    #[error("the catalog cannot be read: {0}")]
    Catalog(String),
    /// A frame does not start with a whole timestamp.
    #[error("a frame of {0} bytes is too short for its timestamp")]
    Timestamp(usize),
    /// Broken H.264 configuration or bitstream.
    #[error("H.264: {0}")]
    H264(&'static str),
    /// Broken AAC configuration.
    #[error("AAC: {0}")]
    Aac(&'static str),
    /// Broken Opus configuration.
    #[error("Opus: {0}")]
    Opus(&'static str),
}
