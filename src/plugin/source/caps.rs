//! What a rendition of the catalog is called in GStreamer.

use gst::{Caps, ClockTime, Fraction};

use crate::media::{
    AudioConfig, Config, VideoConfig,
    aac::AudioSpecificConfig,
    container,
    h264::{Avcc, Profile},
    opus,
};

/// How buffers of a rendition are described.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    pub(super) caps: Caps,
    /// How long one buffer lasts, where all last equally long.
    pub(super) duration: Option<ClockTime>,
}

impl Format {
    /// The caps of a rendition, or why it cannot be played.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        if let Some(path) = config.broadcast() {
            return Err(format!("it lies in another broadcast, {path}"));
        }
        match &container::describe(config).map_err(|error| error.to_string())? {
            Config::Video(config) => video(config),
            Config::Audio(config) => audio(config),
            Config::Text(_) | Config::Data(_) => {
                Err(format!("{} tracks are not supported", config.kind().name()))
            }
        }
    }
}

/// What video pads may carry.
pub(super) fn video_template() -> Caps {
    Caps::builder("video/x-h264")
        .field("stream-format", gst::List::new(["avc", "byte-stream"]))
        .field("alignment", "au")
        .build()
}

/// What audio pads may carry.
pub(super) fn audio_template() -> Caps {
    let aac = gst::Structure::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .build();
    let opus = gst::Structure::builder("audio/x-opus")
        .field("channel-mapping-family", gst::IntRange::new(0, 255))
        .build();
    Caps::builder_full().structure(aac).structure(opus).build()
}

fn video(config: &VideoConfig) -> Result<Format, String> {
    let codec = config.codec.as_str();
    if !codec.starts_with("avc1") && !codec.starts_with("avc3") {
        return Err(format!("its codec {codec} is not supported"));
    }
    let mut caps = Caps::builder("video/x-h264").field("alignment", "au");
    let mut profile = Profile::parse(codec).ok();
    let mut size = config.coded_width.zip(config.coded_height);
    let mut framerate = config.framerate;
    if let Some(description) = &config.description {
        let avcc = Avcc::parse(description).map_err(|error| error.to_string())?;
        profile = Some(avcc.profile);
        if let Some(sps) = avcc.sps() {
            size = Some((sps.width, sps.height));
            framerate = framerate.or(sps.framerate);
        }
        let data = gst::Buffer::from_slice(description.clone());
        caps = caps.field("stream-format", "avc").field("codec_data", data);
    } else {
        caps = caps.field("stream-format", "byte-stream");
    }
    if let Some((width, height)) = size {
        let fits =
            |side| i32::try_from(side).map_err(|_| format!("a side of {side} pixels is too long"));
        caps = caps
            .field("width", fits(width)?)
            .field("height", fits(height)?);
    }
    let duration = framerate.and_then(frame_duration);
    if let Some(rate) = duration.and_then(guess_framerate) {
        caps = caps.field("framerate", rate);
    }
    if let Some(profile) = profile {
        caps = caps
            .field_if_some("profile", profile_name(profile))
            .field("level", level_name(profile));
    }
    Ok(Format {
        caps: caps.build(),
        duration,
    })
}

fn audio(config: &AudioConfig) -> Result<Format, String> {
    match config.codec.as_str() {
        codec if codec.starts_with("mp4a.40.") => aac(config),
        opus::CODEC => opus(config),
        codec => Err(format!("its codec {codec} is not supported")),
    }
}

fn aac(config: &AudioConfig) -> Result<Format, String> {
    let description = match &config.description {
        Some(description) => Some(description.clone()),
        // Publishers of January 2026 send raw AAC-LC and leave its configuration to be guessed.
        None => u8::try_from(config.number_of_channels)
            .ok()
            .and_then(|channels| AudioSpecificConfig::lc(config.sample_rate, channels).ok())
            .and_then(|config| config.to_bytes()),
    };
    let description = description.ok_or("it says nothing of its AAC configuration")?;
    let parsed = AudioSpecificConfig::parse(&description).map_err(|error| error.to_string())?;
    let data = gst::Buffer::from_slice(description);
    let caps = Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .field("framed", true)
        .field("codec_data", data)
        .field("rate", integer(parsed.sample_rate)?)
        .field("channels", i32::from(parsed.channels))
        .build();
    let rate = u64::from(parsed.sample_rate);
    let nanos = (AAC_FRAME * 1_000_000_000 + rate / 2) / rate;
    let duration = (parsed.object_type == AAC_LC).then(|| ClockTime::from_nseconds(nanos));
    Ok(Format { caps, duration })
}

fn opus(config: &AudioConfig) -> Result<Format, String> {
    let description = config.description.as_ref().filter(|head| !head.is_empty());
    let head = description.map(|head| opus::Head::parse(head)).transpose();
    let head = head.map_err(|error| error.to_string())?;
    let channels = match &head {
        Some(head) => head.channels.into(),
        None => config.number_of_channels,
    };
    let mut caps = Caps::builder("audio/x-opus")
        .field("rate", integer(opus::SAMPLE_RATE)?)
        .field("channels", integer(channels)?);
    match head.as_ref().map(|head| (head, &head.mapping)) {
        Some((_, Some(mapping))) => {
            let table = mapping.table.iter().map(|channel| i32::from(*channel));
            caps = caps
                .field("channel-mapping-family", i32::from(mapping.family))
                .field("stream-count", i32::from(mapping.streams))
                .field("coupled-count", i32::from(mapping.coupled))
                .field("channel-mapping", gst::Array::new(table));
        }
        None if channels > 2 => {
            return Err(format!("Opus of {channels} channels needs a description"));
        }
        _ => caps = caps.field("channel-mapping-family", 0),
    }
    if let Some(head) = head {
        let mut header = gst::Buffer::from_slice(head.to_bytes());
        if let Some(header) = header.get_mut() {
            header.set_flags(gst::BufferFlags::HEADER);
        }
        caps = caps.field("streamheader", gst::Array::new([header]));
    }
    Ok(Format {
        caps: caps.build(),
        duration: None,
    })
}

fn integer(value: u32) -> Result<i32, String> {
    match i32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(format!("{value} is no rate or number of channels")),
    }
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

const AAC_LC: u8 = 2;
/// Samples in a frame of AAC-LC.
const AAC_FRAME: u64 = 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::Container;

    fn caps(config: &Config) -> String {
        gst::init().expect("GStreamer is installed");
        let mut caps = Format::new(config).expect("supported").caps;
        // How buffers are printed is GStreamer's own matter.
        for structure in caps.make_mut().iter_mut() {
            if structure.has_field("codec_data") {
                structure.set("codec_data", "...");
            }
            if structure.has_field("streamheader") {
                structure.set("streamheader", "...");
            }
        }
        caps.to_string()
    }

    fn audio(codec: &str, description: Option<&'static [u8]>) -> Config {
        Config::Audio(AudioConfig {
            codec: codec.into(),
            sample_rate: 44_100,
            number_of_channels: 2,
            description: description.map(Bytes::from_static),
            ..Default::default()
        })
    }

    fn video(codec: &str) -> VideoConfig {
        VideoConfig {
            codec: codec.into(),
            ..Default::default()
        }
    }

    #[test]
    fn h264_without_a_description_is_a_byte_stream() {
        for codec in ["avc3.42c01f", "avc1.42c01f"] {
            let config = VideoConfig {
                coded_width: Some(1280),
                coded_height: Some(720),
                framerate: Some(29.97),
                ..video(codec)
            };
            assert_eq!(
                caps(&Config::Video(config)),
                "video/x-h264, alignment=(string)au, stream-format=(string)byte-stream, width=(int)1280, \
                 height=(int)720, framerate=(fraction)30000/1001, profile=(string)constrained-baseline, \
                 level=(string)3.1"
            );
        }
    }

    #[test]
    fn h264_with_a_description_is_avc() {
        let avcc: &[u8] = &[
            1, 0x4d, 0x40, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x4d, 0x40, 0x1e, 1, 0, 2, 0x68, 0xce,
        ];
        let config = VideoConfig {
            description: Some(Bytes::from_static(avcc)),
            ..video("avc1.4d401e")
        };
        assert_eq!(
            caps(&Config::Video(config)),
            "video/x-h264, alignment=(string)au, stream-format=(string)avc, codec_data=(string)..., \
             profile=(string)main, level=(string)3"
        );
    }

    #[test]
    fn aac_is_raw_with_its_configuration_even_when_that_was_left_out() {
        let expected = "audio/mpeg, mpegversion=(int)4, stream-format=(string)raw, framed=(boolean)true, \
                        codec_data=(string)..., rate=(int)44100, channels=(int)2";
        assert_eq!(caps(&audio("mp4a.40.2", Some(&[0x12, 0x10]))), expected);
        assert_eq!(caps(&audio("mp4a.40.2", None)), expected);
        let format = Format::new(&audio("mp4a.40.2", None)).expect("supported");
        assert_eq!(format.duration, Some(ClockTime::from_nseconds(23_219_955)));
    }

    #[test]
    fn opus_is_48_khz_whatever_went_in() {
        assert_eq!(
            caps(&audio("opus", None)),
            "audio/x-opus, rate=(int)48000, channels=(int)2, channel-mapping-family=(int)0"
        );
        let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        assert_eq!(
            caps(&audio("opus", Some(head))),
            "audio/x-opus, rate=(int)48000, channels=(int)1, channel-mapping-family=(int)0, \
             streamheader=(string)..."
        );
    }

    #[test]
    fn what_cannot_be_played_is_named() {
        gst::init().expect("GStreamer is installed");
        let refused = |config| Format::new(&config).expect_err("not supported");
        assert_eq!(
            refused(Config::Video(video("vp8"))),
            "its codec vp8 is not supported"
        );
        assert_eq!(
            refused(audio("flac", None)),
            "its codec flac is not supported"
        );
        let cmaf = VideoConfig {
            container: Container::Cmaf { init: "?".into() },
            ..video("avc1.42c01f")
        };
        assert!(refused(Config::Video(cmaf)).contains("init segment"));
    }

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
}
