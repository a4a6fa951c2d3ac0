//! Pictures.

use gst::{Caps, ClockTime, Fraction, caps::Builder};

use super::format::Format;
use crate::media::{
    VideoConfig, av1,
    h264::{Avcc, Profile},
    h265::{self, Hvcc},
    video, vp8, vp9,
};

pub(super) fn format(config: &VideoConfig) -> Result<Format, String> {
    match config.codec.split('.').next().unwrap_or_default() {
        "avc1" | "avc3" => h264(config),
        "hvc1" | "hev1" => h265(config),
        "av01" => av1(config),
        vp8::CODEC => shaped(Caps::builder("video/x-vp8"), config),
        "vp09" => vp9(config),
        _ => Err(format!("its codec {} is not supported", config.codec)),
    }
}

fn h264(config: &VideoConfig) -> Result<Format, String> {
    let mut caps = Caps::builder("video/x-h264").field("alignment", "au");
    let mut profile = Profile::parse(&config.codec).ok();
    let mut shape = config.clone();
    if let Some(description) = &config.description {
        let avcc = Avcc::parse(description).map_err(|error| error.to_string())?;
        profile = Some(avcc.profile);
        if let Some(sps) = avcc.sps() {
            shape = measured(config, video::from_h264(String::new(), &sps));
        }
        let data = gst::Buffer::from_slice(description.clone());
        caps = caps.field("stream-format", "avc").field("codec_data", data);
    } else {
        caps = caps.field("stream-format", "byte-stream");
    }
    if let Some(profile) = profile {
        caps = caps
            .field_if_some("profile", profile_name(profile))
            .field("level", level_name(profile));
    }
    shaped(caps, &shape)
}

fn h265(config: &VideoConfig) -> Result<Format, String> {
    let mut caps = Caps::builder("video/x-h265").field("alignment", "au");
    let mut profile = h265::Profile::parse(&config.codec).ok();
    let mut shape = config.clone();
    if let Some(description) = &config.description {
        let hvcc = Hvcc::parse(description).map_err(|error| error.to_string())?;
        profile = Some(hvcc.profile);
        if let Some(sps) = hvcc.sps() {
            shape = measured(config, video::from_h265(String::new(), &sps));
        }
        let data = gst::Buffer::from_slice(description.clone());
        caps = caps
            .field("stream-format", "hvc1")
            .field("codec_data", data);
    } else {
        caps = caps.field("stream-format", "byte-stream");
    }
    if let Some(h265::Profile(bytes)) = profile {
        let text = |name: Result<gst::glib::GString, _>| name.ok().map(String::from);
        caps = caps
            .field_if_some(
                "profile",
                text(gst_pbutils::codec_utils_h265_get_profile(&bytes)),
            )
            .field_if_some("tier", text(gst_pbutils::codec_utils_h265_get_tier(&bytes)))
            .field_if_some(
                "level",
                text(gst_pbutils::codec_utils_h265_get_level(&bytes)),
            );
    }
    shaped(caps, &shape)
}

fn av1(config: &VideoConfig) -> Result<Format, String> {
    let mut caps = Caps::builder("video/x-av1")
        .field("stream-format", "obu-stream")
        .field("alignment", "tu");
    if let Ok(profile) = av1::Profile::parse(&config.codec) {
        let chroma = match profile.colour.chroma {
            av1::Chroma::Monochrome => "4:0:0",
            av1::Chroma::Quarter(_) => "4:2:0",
            av1::Chroma::HalfWidth => "4:2:2",
            av1::Chroma::Full => "4:4:4",
        };
        let name = ["main", "high", "professional"][usize::from(profile.profile).min(2)];
        caps = caps
            .field("profile", name)
            .field("tier", if profile.high_tier { "high" } else { "main" })
            .field("chroma-format", chroma)
            .field("bit-depth-luma", u32::from(profile.bit_depth))
            .field("bit-depth-chroma", u32::from(profile.bit_depth));
    }
    shaped(caps, config)
}

fn vp9(config: &VideoConfig) -> Result<Format, String> {
    let mut caps = Caps::builder("video/x-vp9").field("alignment", "super-frame");
    if let Ok(profile) = vp9::Profile::parse(&config.codec) {
        let chroma = match profile.chroma {
            vp9::Chroma::Quarter => "4:2:0",
            vp9::Chroma::HalfWidth => "4:2:2",
            vp9::Chroma::Full => "4:4:4",
            vp9::Chroma::HalfHeight => "4:4:0",
        };
        caps = caps
            .field("profile", profile.profile.to_string())
            .field("chroma-format", chroma)
            .field("bit-depth-luma", u32::from(profile.bit_depth))
            .field("bit-depth-chroma", u32::from(profile.bit_depth));
    }
    shaped(caps, config)
}

/// What the stream says of the size, and of the rest what the catalog does not.
fn measured(config: &VideoConfig, stream: VideoConfig) -> VideoConfig {
    VideoConfig {
        framerate: config.framerate.or(stream.framerate),
        ..stream
    }
}

/// Adds what caps say of every picture.
fn shaped(mut caps: Builder<gst::caps::NoFeature>, config: &VideoConfig) -> Result<Format, String> {
    if let Some((width, height)) = config.coded_width.zip(config.coded_height) {
        let fits =
            |side| i32::try_from(side).map_err(|_| format!("a side of {side} pixels is too long"));
        caps = caps
            .field("width", fits(width)?)
            .field("height", fits(height)?);
        caps = caps.field_if_some("pixel-aspect-ratio", pixel_aspect(config, width, height));
    }
    let duration = config.framerate.and_then(frame_duration);
    caps = caps.field_if_some("framerate", duration.and_then(guess_framerate));
    Ok(Format::whole(caps.build(), duration))
}

/// The shape of one pixel, where it is not square.
fn pixel_aspect(config: &VideoConfig, width: u32, height: u32) -> Option<Fraction> {
    let shape = config
        .display_aspect_width
        .zip(config.display_aspect_height)?;
    let across = u64::from(shape.0) * u64::from(height);
    let down = u64::from(shape.1) * u64::from(width);
    let (mut divisor, mut rest) = (across, down);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    if across == down || across == 0 || down == 0 {
        return None;
    }
    let across = i32::try_from(across / divisor).ok()?;
    Some(Fraction::new(across, i32::try_from(down / divisor).ok()?))
}

fn frame_duration(framerate: f64) -> Option<ClockTime> {
    let nanos = 1e9 / framerate;
    // Anything else is not the rate of a video.
    (1e6..1e11)
        .contains(&nanos)
        .then(|| ClockTime::from_nseconds(nanos.round() as u64))
}

/// The usual fraction for a rate that was written as a decimal.
fn guess_framerate(duration: ClockTime) -> Option<Fraction> {
    gst_video::guess_framerate(duration).filter(|rate| rate.numer() > 0)
}

/// Names of ISO/IEC 14496-10, annex A, as GStreamer spells them.
fn profile_name(profile: Profile) -> Option<&'static str> {
    let set = |flag: u8| profile.constraints & (0x80 >> flag) != 0;
    Some(match profile.profile {
        66 if set(1) => "constrained-baseline",
        66 => "baseline",
        77 => "main",
        88 => "extended",
        100 if set(4) && set(5) => "constrained-high",
        100 if set(4) => "progressive-high",
        100 => "high",
        110 if set(3) => "high-10-intra",
        110 => "high-10",
        122 if set(3) => "high-4:2:2-intra",
        122 => "high-4:2:2",
        244 if set(3) => "high-4:4:4-intra",
        244 => "high-4:4:4",
        44 => "cavlc-4:4:4-intra",
        _ => return None,
    })
}

fn level_name(profile: Profile) -> String {
    let level = profile.level;
    match level {
        11 if matches!(profile.profile, 66 | 77 | 88) && profile.constraints & 0x10 != 0 => {
            "1b".into()
        }
        9 => "1b".into(),
        level if level % 10 == 0 => format!("{}", level / 10),
        level => format!("{}.{}", level / 10, level % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_spelt_as_in_the_standard() {
        let level = |profile, constraints, level| {
            level_name(Profile {
                profile,
                constraints,
                level,
            })
        };
        assert_eq!(level(100, 0, 40), "4");
        assert_eq!(level(100, 0, 51), "5.1");
        assert_eq!(level(100, 0, 9), "1b");
        assert_eq!(level(66, 0xd0, 11), "1b");
        assert_eq!(level(100, 0x10, 11), "1.1");
    }

    #[test]
    fn pixels_have_the_shape_that_makes_the_picture_fit() {
        let config = |width, height| VideoConfig {
            display_aspect_width: Some(width),
            display_aspect_height: Some(height),
            ..VideoConfig::default()
        };
        let aspect = |width, height| pixel_aspect(&config(width, height), 720, 576);
        assert_eq!(aspect(16, 9), Some(Fraction::new(64, 45)));
        assert_eq!(aspect(720, 576), None);
        assert_eq!(aspect(5, 4), None);
        assert_eq!(aspect(0, 9), None);
        assert_eq!(pixel_aspect(&config(u32::MAX, 1), u32::MAX, u32::MAX), None);
    }
}
