//! The caps of each codec.

use bytes::Bytes;

use super::*;
use crate::media::{
    AudioConfig, Container, DataConfig, TextConfig, VideoConfig, catalog::Mode, flac::StreamInfo,
};

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
            "video/x-h264, alignment=(string)au, stream-format=(string)byte-stream, \
             profile=(string)constrained-baseline, level=(string)3.1, width=(int)1280, height=(int)720, \
             framerate=(fraction)30000/1001"
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
        refused(Config::Video(video("theora"))),
        "its codec theora is not supported"
    );
    assert_eq!(
        refused(audio("vorbis", None)),
        "its codec vorbis is not supported"
    );
    assert_eq!(
        refused(audio("flac", None)),
        "it says nothing of its FLAC stream"
    );
    let ttml = TextConfig {
        format: "ttml".into(),
        ..Default::default()
    };
    assert_eq!(
        refused(Config::Text(ttml)),
        "its format ttml is not supported"
    );
    let deflated = DataConfig {
        compression: Some("deflate".into()),
        ..DataConfig::new(Mode::Stream, None)
    };
    assert_eq!(
        refused(Config::Data(deflated)),
        "its compression deflate is not supported"
    );
    let cmaf = VideoConfig {
        container: Container::Cmaf { init: "?".into() },
        ..video("avc1.42c01f")
    };
    assert!(refused(Config::Video(cmaf)).contains("init segment"));
}

#[test]
fn h265_has_profile_tier_and_level() {
    let config = VideoConfig {
        coded_width: Some(640),
        coded_height: Some(360),
        ..video("hev1.1.6.L93.B0")
    };
    assert_eq!(
        caps(&Config::Video(config)),
        "video/x-h265, alignment=(string)au, stream-format=(string)byte-stream, profile=(string)main, \
         tier=(string)main, level=(string)3.1, width=(int)640, height=(int)360"
    );
}

#[test]
fn h265_with_a_description_is_hvc1() {
    let hvcc: &[u8] = &[
        1, 1, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f,
        0,
    ];
    let config = VideoConfig {
        description: Some(Bytes::from_static(hvcc)),
        ..video("hvc1.1.6.L93.B0")
    };
    assert_eq!(
        caps(&Config::Video(config)),
        "video/x-h265, alignment=(string)au, stream-format=(string)hvc1, codec_data=(string)..., \
         profile=(string)main, tier=(string)main, level=(string)3.1"
    );
}

#[test]
fn av1_and_vp9_have_chroma_and_depth() {
    let config = VideoConfig {
        coded_width: Some(640),
        coded_height: Some(360),
        framerate: Some(25.0),
        display_aspect_width: Some(4),
        display_aspect_height: Some(3),
        ..video("av01.0.04M.10")
    };
    assert_eq!(
        caps(&Config::Video(config)),
        "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu, profile=(string)main, \
         tier=(string)main, chroma-format=(string)4:2:0, bit-depth-luma=(uint)10, bit-depth-chroma=(uint)10, \
         width=(int)640, height=(int)360, pixel-aspect-ratio=(fraction)3/4, framerate=(fraction)25/1"
    );
    assert_eq!(
        caps(&Config::Video(video("vp09.01.20.08.03.01.01.01.00"))),
        "video/x-vp9, alignment=(string)super-frame, profile=(string)1, chroma-format=(string)4:4:4, \
         bit-depth-luma=(uint)8, bit-depth-chroma=(uint)8"
    );
    assert_eq!(caps(&Config::Video(video("vp8"))), "video/x-vp8");
}

#[test]
fn sound_has_what_decoders_ask_for() {
    assert_eq!(
        caps(&audio("mp3", None)),
        "audio/mpeg, mpegversion=(int)1, mpegaudioversion=(int)1, layer=(int)3, parsed=(boolean)true, \
         rate=(int)44100, channels=(int)2"
    );
    assert_eq!(
        caps(&audio("ac-3", None)),
        "audio/x-ac3, framed=(boolean)true, alignment=(string)frame, rate=(int)44100, channels=(int)2"
    );
    assert_eq!(
        caps(&audio("pcm", None)),
        "audio/x-raw, format=(string)F32LE, layout=(string)interleaved, rate=(int)44100, channels=(int)2"
    );
    let Config::Audio(mut six) = audio("pcm", None) else {
        panic!("it is sound");
    };
    six.number_of_channels = 6;
    assert_eq!(
        caps(&Config::Audio(six)),
        "audio/x-raw, format=(string)F32LE, layout=(string)interleaved, channel-mask=(bitmask)0x000000000000003f, \
         rate=(int)44100, channels=(int)6"
    );
    let mut info = [0; 34];
    info[10..14].copy_from_slice(&[0x0a, 0xc4, 0x42, 0xf0]);
    let Config::Audio(mut config) = audio("flac", None) else {
        panic!("it is sound");
    };
    config.description = StreamInfo::parse(&info).ok().map(|info| info.description());
    assert_eq!(
        caps(&Config::Audio(config)),
        "audio/x-flac, framed=(boolean)true, rate=(int)44100, channels=(int)2, streamheader=(string)..."
    );
}

#[test]
fn text_is_plain_and_data_has_its_kind() {
    for format in ["vtt", "utf8"] {
        let config = TextConfig {
            format: format.into(),
            ..Default::default()
        };
        assert_eq!(
            caps(&Config::Text(config)),
            "text/x-raw, format=(string)utf8"
        );
    }
    let data = |mime: &str| Config::Data(DataConfig::new(Mode::Snapshot, Some(mime.into())));
    assert_eq!(
        caps(&data("application/smpte336m")),
        "meta/x-klv, parsed=(boolean)true"
    );
    assert_eq!(
        caps(&data("video/x-raw, format=BGR")),
        "application/octet-stream"
    );
}
