//! KLV: metadata as SMPTE ST 336 lays it out.

/// The media type (RFC 6597).
pub const MIME: &str = "application/smpte336m";
