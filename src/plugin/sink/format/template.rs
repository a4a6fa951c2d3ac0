//! What the pads accept.

use bytes::Bytes;
use gst::{Structure, structure::Builder};

/// The codec_data of caps.
pub(super) fn codec_data(caps: &gst::StructureRef) -> Option<Bytes> {
    let buffer = caps.get::<gst::Buffer>("codec_data").ok()?;
    let map = buffer.map_readable().ok()?;
    (!map.is_empty()).then(|| Bytes::copy_from_slice(&map))
}

/// The buffers of the streamheader of caps, which come before those of the stream; empty where there are none.
pub(super) fn stream_headers(caps: &gst::StructureRef) -> Vec<Bytes> {
    let Ok(headers) = caps.get::<gst::Array>("streamheader") else {
        return Vec::new();
    };
    let buffers = headers.iter().filter_map(|header| {
        let buffer = header.get::<gst::Buffer>().ok()?;
        let map = buffer.map_readable().ok()?;
        Some(Bytes::copy_from_slice(&map))
    });
    buffers.collect()
}

/// What the pads accept; what is published as it is comes first.
pub(in super::super) fn caps() -> gst::Caps {
    let mut caps = gst::Caps::new_empty();
    caps.make_mut().append_structures(video());
    caps.make_mut().append_structures(audio());
    caps.make_mut().append_structures(other());
    caps
}

trait Append {
    fn append_structures(&mut self, structures: Vec<Builder>);
}

impl Append for gst::CapsRef {
    fn append_structures(&mut self, structures: Vec<Builder>) {
        for structure in structures {
            self.append_structure(structure.build());
        }
    }
}

fn video() -> Vec<Builder> {
    let nal_units = |name: &'static str, formats: [&'static str; 3]| {
        formats.map(|format| {
            Structure::builder(name)
                .field("stream-format", format)
                .field("alignment", "au")
        })
    };
    let mut structures = Vec::new();
    structures.extend(nal_units("video/x-h264", ["avc", "avc3", "byte-stream"]));
    structures.extend(nal_units("video/x-h265", ["hvc1", "hev1", "byte-stream"]));
    structures.push(
        Structure::builder("video/x-av1")
            .field("stream-format", "obu-stream")
            .field("alignment", "tu"),
    );
    structures.push(Structure::builder("video/x-vp8"));
    // Encoders and demuxers do not say how they put frames into buffers; it is always this way.
    structures.push(Structure::builder("video/x-vp9").field("alignment", "super-frame"));
    structures.push(Structure::builder("video/x-vp9"));
    structures
}

fn audio() -> Vec<Builder> {
    let aac = |format: &str| {
        Structure::builder("audio/mpeg")
            .field("mpegversion", gst::List::new([4, 2]))
            .field("stream-format", format)
    };
    let raw = |format: &str| {
        Structure::builder("audio/x-raw")
            .field("format", format)
            .field("layout", "interleaved")
            .field("rate", gst::IntRange::new(1, i32::MAX))
            .field("channels", gst::IntRange::new(1, 255))
    };
    vec![
        Structure::builder("audio/x-opus"),
        aac("raw"),
        aac("adts"),
        Structure::builder("audio/x-flac").field("framed", true),
        Structure::builder("audio/mpeg")
            .field("mpegversion", 1)
            .field("layer", gst::IntRange::new(2, 3)),
        Structure::builder("audio/x-ac3")
            .field("framed", true)
            .field("alignment", "frame"),
        Structure::builder("audio/x-eac3")
            .field("framed", true)
            .field("alignment", "frame"),
        raw("F32LE"),
        raw("S16LE"),
    ]
}

fn other() -> Vec<Builder> {
    vec![
        Structure::builder("text/x-raw").field("format", gst::List::new(["utf8", "pango-markup"])),
        Structure::builder("application/x-subtitle-vtt"),
        Structure::builder("meta/x-klv").field("parsed", true),
        Structure::builder("application/octet-stream"),
        Structure::builder("video/quicktime")
            .field("variant", gst::List::new(["iso-fragmented", "cmaf", "iso"])),
        // Without a variant: what typefind says of a file.
        Structure::builder("video/quicktime"),
    ]
}
