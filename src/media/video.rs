//! Coded pictures whose configuration lies in the stream: what a keyframe says, whatever the codec.

use bytes::Bytes;

use super::{
    VideoConfig, av1, h264, h265,
    nal::{self, Format},
    vp8, vp9,
};

/// A codec and the form of its pictures, each of which is a whole access unit, temporal unit or frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// H.264.
    H264(Format),
    /// H.265.
    H265(Format),
    /// AV1, in the low-overhead format.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
}

impl Codec {
    /// As in prose.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264(_) => "H.264",
            Self::H265(_) => "H.265",
            Self::Av1 => "AV1",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
        }
    }

    /// Whether decoding can start with this picture.
    pub fn is_keyframe(self, picture: &[u8]) -> bool {
        match self {
            Self::H264(format) => h264::is_keyframe(picture, format),
            Self::H265(format) => h265::is_keyframe(picture, format),
            Self::Av1 => av1::is_keyframe(picture),
            Self::Vp8 => vp8::is_keyframe(picture),
            Self::Vp9 => vp9::is_keyframe(picture),
        }
    }

    /// What a keyframe says of the stream; `None` where it does not hold what a decoder needs to
    /// start, or that cannot be read. `framerate` is what is known from elsewhere.
    pub fn config(self, picture: &[u8], framerate: Option<f64>) -> Option<VideoConfig> {
        let config = match self {
            Self::H264(format) => {
                let sps = nal::nal_units(picture, format)
                    .find(|unit| h264::kind(unit) == h264::SPS)
                    .and_then(|unit| h264::Sps::parse(unit).ok())?;
                from_h264(sps.profile.avc3(), &sps)
            }
            Self::H265(format) => {
                let sps = nal::nal_units(picture, format)
                    .find(|unit| h265::kind(unit) == h265::SPS)
                    .and_then(|unit| h265::Sps::parse(unit).ok())?;
                from_h265(sps.profile.hev1(), &sps)
            }
            Self::Av1 => {
                let (_, header) = av1::sequence_header(picture)?;
                let sequence = av1::Sequence::parse(header).ok()?;
                VideoConfig {
                    framerate: sequence.framerate,
                    ..sized(
                        sequence.profile.codec(),
                        (sequence.width, sequence.height),
                        None,
                    )
                }
            }
            Self::Vp8 => sized(vp8::CODEC.into(), vp8::size(picture)?, None),
            Self::Vp9 => {
                let frame = vp9::Keyframe::parse(picture)?;
                sized(frame.codec(framerate), (frame.width, frame.height), None)
            }
        };
        Some(VideoConfig {
            framerate: framerate.or(config.framerate),
            ..config
        })
    }

    /// The parameter sets at the head of a keyframe, as they are to be put before one that has none;
    /// `None` where it has not all that a decoder needs, or its codec knows no such sets.
    pub fn parameters(self, picture: &[u8]) -> Option<Bytes> {
        match self {
            Self::H264(Format::ByteStream) => {
                h264::has_parameter_sets(picture, Format::ByteStream).then_some(())?;
                let head = nal::nal_units(picture, Format::ByteStream)
                    .take_while(|unit| !(1..=h264::IDR).contains(&h264::kind(unit)))
                    .filter(|unit| matches!(h264::kind(unit), h264::SPS | h264::PPS));
                Some(nal::byte_stream(head))
            }
            Self::H265(Format::ByteStream) => {
                h265::has_parameter_sets(picture, Format::ByteStream).then_some(())?;
                let head = nal::nal_units(picture, Format::ByteStream)
                    .take_while(|unit| !h265::is_slice(h265::kind(unit)))
                    .filter(|unit| (h265::VPS..=h265::PPS).contains(&h265::kind(unit)));
                Some(nal::byte_stream(head))
            }
            Self::Av1 => {
                let (header, _) = av1::sequence_header(picture)?;
                Some(Bytes::copy_from_slice(header))
            }
            Self::H264(_) | Self::H265(_) | Self::Vp8 | Self::Vp9 => None,
        }
    }
}

/// The configuration of H.264 with this parameter set.
pub fn from_h264(codec: String, sps: &h264::Sps) -> VideoConfig {
    VideoConfig {
        framerate: sps.framerate,
        ..sized(codec, (sps.width, sps.height), sps.pixel_aspect)
    }
}

/// The configuration of H.265 with this parameter set.
pub fn from_h265(codec: String, sps: &h265::Sps) -> VideoConfig {
    VideoConfig {
        framerate: sps.framerate,
        ..sized(codec, (sps.width, sps.height), sps.pixel_aspect)
    }
}

/// A configuration with the size of the picture and, where pixels are not square, its shape.
fn sized(codec: String, size: (u32, u32), pixel: Option<(u16, u16)>) -> VideoConfig {
    let pixel = pixel.filter(|(width, height)| width != height);
    VideoConfig {
        codec,
        coded_width: Some(size.0),
        coded_height: Some(size.1),
        display_aspect_width: pixel.and_then(|(width, _)| size.0.checked_mul(width.into())),
        display_aspect_height: pixel.and_then(|(_, height)| size.1.checked_mul(height.into())),
        ..VideoConfig::default()
    }
}
