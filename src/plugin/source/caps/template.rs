//! What pads may carry.

use gst::{Caps, IntRange, List, Structure};

use crate::media::Kind;

/// What pads of this kind may carry.
pub(in super::super) fn template(kind: Kind) -> Caps {
    let structures = match kind {
        Kind::Video => video(),
        Kind::Audio => audio(),
        Kind::Text => vec![
            Structure::builder("text/x-raw")
                .field("format", "utf8")
                .build(),
        ],
        Kind::Data => vec![
            Structure::builder("meta/x-klv")
                .field("parsed", true)
                .build(),
            Structure::new_empty("application/octet-stream"),
        ],
    };
    structures.into_iter().collect()
}

fn video() -> Vec<Structure> {
    let nal_units = |name: &str, prefixed: &str| {
        Structure::builder(name)
            .field("stream-format", List::new([prefixed, "byte-stream"]))
            .field("alignment", "au")
            .build()
    };
    vec![
        nal_units("video/x-h264", "avc"),
        nal_units("video/x-h265", "hvc1"),
        Structure::builder("video/x-av1")
            .field("stream-format", "obu-stream")
            .field("alignment", "tu")
            .build(),
        Structure::new_empty("video/x-vp8"),
        Structure::builder("video/x-vp9")
            .field("alignment", "super-frame")
            .build(),
    ]
}

fn audio() -> Vec<Structure> {
    let framed = |name: &str| Structure::builder(name).field("framed", true);
    vec![
        Structure::builder("audio/mpeg")
            .field("mpegversion", 4)
            .field("stream-format", "raw")
            .build(),
        Structure::builder("audio/x-opus")
            .field("channel-mapping-family", IntRange::new(0, 255))
            .build(),
        framed("audio/x-flac").build(),
        Structure::builder("audio/mpeg")
            .field("mpegversion", 1)
            .field("layer", IntRange::new(2, 3))
            .field("parsed", true)
            .build(),
        framed("audio/x-ac3").field("alignment", "frame").build(),
        framed("audio/x-eac3").field("alignment", "frame").build(),
        Structure::builder("audio/x-raw")
            .field("format", "F32LE")
            .field("layout", "interleaved")
            .build(),
    ]
}
