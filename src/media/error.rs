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
    /// A frame of payload alone came over a transport that has no times for frames.
    #[error(
        "frames of data have their times in versions from moq-lite-05 on, and the session is of an older one"
    )]
    Untimed,
    /// A LOC frame whose properties make no sense.
    #[error("LOC: {0}")]
    Loc(&'static str),
    /// A fragment or an init segment that cannot be read, or made.
    #[error("CMAF: {0}")]
    Cmaf(String),
    /// Broken NAL units.
    #[error("{0}")]
    Nal(&'static str),
    /// Broken H.264 configuration or bitstream.
    #[error("H.264: {0}")]
    H264(&'static str),
    /// Broken AAC configuration.
    #[error("AAC: {0}")]
    Aac(&'static str),
    /// Broken Opus configuration.
    #[error("Opus: {0}")]
    Opus(&'static str),
    /// Broken H.265 configuration or bitstream.
    #[error("H.265: {0}")]
    H265(&'static str),
    /// Broken AV1 configuration or bitstream.
    #[error("AV1: {0}")]
    Av1(&'static str),
    /// Broken VP9 configuration.
    #[error("VP9: {0}")]
    Vp9(&'static str),
    /// Broken FLAC configuration.
    #[error("FLAC: {0}")]
    Flac(&'static str),
    /// Broken MPEG audio.
    #[error("MPEG audio: {0}")]
    MpegAudio(&'static str),
    /// Broken WebVTT.
    #[error("WebVTT: {0}")]
    Vtt(&'static str),
}
