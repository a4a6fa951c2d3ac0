//! What moqsink takes, and what it says of the rest.

use gst::prelude::*;
use gstmoq::media::{Config, aac::AudioSpecificConfig, catalog::Mode, flac};

use crate::support::{Sink, Viewer};

/// The sentence with which caps are refused.
fn refused(caps: &str, payload: &'static [u8]) -> String {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.event(gst::event::StreamStart::new("test"));
    feed.caps(caps);
    feed.segment();
    assert!(feed.push(Some(0), payload).is_err(), "{caps}");
    let error = sink.error();
    assert!(error.matches(gst::StreamError::Format), "{caps}");
    error.message().to_owned()
}

/// What the catalog says after one buffer.
fn published(caps: &str, payload: &'static [u8]) -> Config {
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.event(gst::event::StreamStart::new("test"));
    feed.caps(caps);
    feed.segment();
    feed.push(Some(0), payload).expect("it is published");
    let catalog = Viewer::new(&sink).catalog();
    let (_, config) = catalog.renditions().next().expect("a rendition");
    config
}

#[test]
fn what_cannot_be_published_is_refused_with_advice() {
    let cases = [
        (
            "video/x-h264,stream-format=avc,alignment=au",
            "H.264 caps with stream-format=avc have no codec_data: put h264parse before the sink",
        ),
        (
            "video/x-h264,stream-format=byte-stream,alignment=nal",
            "H.264 needs alignment=au, a whole picture in each buffer: put h264parse before the sink",
        ),
        (
            "video/x-h265",
            "H.265 caps need stream-format hvc1, hev1 or byte-stream: put h265parse before the sink",
        ),
        (
            "video/x-h265,stream-format=hvc1,alignment=au,codec_data=(buffer)0102",
            "The codec_data of the H.265 caps cannot be read: H.265: the hvcC record ends too early",
        ),
        (
            "video/x-av1,stream-format=annexb,alignment=tu",
            "AV1 needs stream-format=obu-stream and alignment=tu: put \
             \"av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu\" before the sink",
        ),
        (
            "video/x-vp9,alignment=frame",
            "VP9 needs alignment=super-frame: put \"vp9parse ! video/x-vp9,alignment=super-frame\" before the sink",
        ),
        (
            "audio/mpeg,mpegversion=4,stream-format=raw,channels=2,rate=48000",
            "AAC caps have no codec_data: put aacparse before the sink, or use an encoder that gives it",
        ),
        (
            "audio/mpeg,mpegversion=4,stream-format=loas",
            "AAC needs stream-format=raw or stream-format=adts: put aacparse before the sink",
        ),
        (
            "audio/mpeg,mpegversion=1,layer=1",
            "MPEG audio of layer 1 cannot be published",
        ),
        (
            "audio/x-opus,channels=6,channel-mapping-family=1",
            "Opus caps with mapping family 1 do not say how channels are mapped: put opusparse before the sink",
        ),
        (
            "audio/x-flac",
            "FLAC caps have no streamheader: put flacparse before the sink",
        ),
        (
            "audio/x-raw,format=S32LE,layout=interleaved,rate=48000,channels=2",
            "Raw sound is published as floats: put \"audioconvert ! audio/x-raw,format=F32LE,layout=interleaved\" \
             before the sink",
        ),
        (
            "audio/x-raw,format=F32LE,layout=non-interleaved,rate=48000,channels=2",
            "Raw sound is published interleaved: put \"audioconvert ! audio/x-raw,format=F32LE,layout=interleaved\" \
             before the sink",
        ),
        (
            "audio/x-ac3,framed=true",
            "The caps audio/x-ac3 do not say rate and channels: put ac3parse before the sink",
        ),
        (
            "text/x-raw",
            "Text needs format=utf8 or format=pango-markup in its caps",
        ),
        (
            "video/x-raw,format=I420,width=16,height=16",
            "Raw video cannot be published: put an encoder, such as x264enc, before the sink",
        ),
    ];
    for (caps, sentence) in cases {
        assert_eq!(refused(caps, b"x"), sentence);
    }
    assert!(
        refused("video/mpeg,mpegversion=2", b"x")
            .starts_with("video/mpeg cannot be published. H.264, ")
    );
}

#[test]
fn frames_that_do_not_come_one_by_one_need_a_parser() {
    assert_eq!(
        refused(
            "audio/mpeg,mpegversion=4,stream-format=adts",
            b"\xff\xf1\x50\x80\x01\x3f\xfc"
        ),
        "The AAC stream does not come frame by frame: put aacparse before the sink"
    );
    assert_eq!(
        refused("audio/mpeg,mpegversion=1,layer=3", b"\xff\xfb\x90\x64"),
        "The MPEG audio stream does not come frame by frame: put mpegaudioparse before the sink"
    );
    assert_eq!(
        refused("text/x-raw,format=utf8", b"\xff"),
        "The text is not UTF-8"
    );
}

#[test]
fn adts_becomes_raw_with_a_configuration() {
    let frame = b"\xff\xf1\x50\x80\x01\x3f\xfc\x01\x02";
    let Config::Audio(config) = published("audio/mpeg,mpegversion=4,stream-format=adts", frame)
    else {
        panic!("it is sound");
    };
    assert_eq!(config.codec, "mp4a.40.2");
    let description = config.description.expect("it has one");
    let expected = AudioSpecificConfig::lc(44_100, 2).expect("in range");
    assert_eq!(AudioSpecificConfig::parse(&description), Ok(expected));
}

#[test]
fn data_is_a_state_per_group_with_its_media_type() {
    for (caps, mime) in [
        ("meta/x-klv,parsed=true", "application/smpte336m"),
        ("application/octet-stream", "application/octet-stream"),
    ] {
        let Config::Data(config) = published(caps, b"x") else {
            panic!("it is data");
        };
        assert_eq!(config.mime.as_deref(), Some(mime));
        assert_eq!(config.mode, Mode::Snapshot);
    }
}

#[test]
fn opus_of_six_channels_says_how_they_are_mapped() {
    let caps = "audio/x-opus,channels=6,channel-mapping-family=1,stream-count=4,coupled-count=2,\
                channel-mapping=(int)<0,4,1,2,3,5>";
    let Config::Audio(config) = published(caps, b"x") else {
        panic!("it is sound");
    };
    assert_eq!(config.number_of_channels, 6);
    let head = config.description.expect("it has one");
    assert_eq!(&head[18..], [1, 4, 2, 0, 4, 1, 2, 3, 5]);
}

#[test]
fn flac_is_described_by_its_stream_information() {
    let mut info = [0; 34];
    info[10..14].copy_from_slice(&[0x0a, 0xc4, 0x42, 0xf0]);
    let info = flac::StreamInfo::parse(&info).expect("valid");
    let [first, second] = info.headers();
    let header =
        |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let caps = format!(
        "audio/x-flac,framed=true,streamheader=(buffer)<{},{}>",
        header(&first),
        header(&second)
    );
    let sink = Sink::listening();
    sink.set_state(gst::State::Playing);
    let feed = sink.feed_raw();
    feed.event(gst::event::StreamStart::new("test"));
    feed.caps(&caps);
    feed.segment();
    feed.push(Some(0), b"\x7fFLAC")
        .expect("a header is left out");
    feed.push(Some(0), b"\xff\xf8x")
        .expect("a frame is published");
    let catalog = Viewer::new(&sink).catalog();
    let (_, config) = catalog.renditions().next().expect("a rendition");
    assert_eq!(config.description(), Some(&info.description()));
    let pad = &sink.element.sink_pads()[0];
    let stats = pad.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("frames"), Ok(1));
}
