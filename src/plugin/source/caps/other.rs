//! Text and data.

use gst::Caps;

use super::format::{Format, Payload};
use crate::media::{DataConfig, TextConfig, catalog::VTT, klv};

/// Text goes out as plain text whose buffers say when and how long to show it. A WebVTT document would
/// carry its own times, which are the publisher's and not running time; and overlays, muxers and
/// players all take plain text.
pub(super) fn text(config: &TextConfig) -> Result<Format, String> {
    let payload = match config.format.as_str() {
        VTT => Payload::Cues,
        "utf8" => Payload::Whole,
        format => return Err(format!("its format {format} is not supported")),
    };
    let caps = Caps::builder("text/x-raw").field("format", "utf8").build();
    Ok(Format {
        payload,
        ..Format::whole(caps, None)
    })
}

pub(super) fn data(config: &DataConfig) -> Result<Format, String> {
    if let Some(compression) = &config.compression {
        return Err(format!("its compression {compression} is not supported"));
    }
    let caps = match config.mime.as_deref() {
        Some(klv::MIME) => Caps::builder("meta/x-klv").field("parsed", true).build(),
        // Names of caps that a peer could choose would be parsed by elements that expect other things.
        _ => Caps::new_empty_simple("application/octet-stream"),
    };
    Ok(Format::whole(caps, None))
}
