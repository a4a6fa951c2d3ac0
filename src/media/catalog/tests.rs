//! What is written, what is read.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::media::{Error, Micros};

const EXAMPLE: &str = concat!(
    r#"{"video":{"renditions":{"video0":{"codec":"avc3.42c01f","codedWidth":1280,"codedHeight":720,"#,
    r#""framerate":30,"bitrate":2500000,"jitter":34}},"priority":60},"#,
    r#""audio":{"renditions":{"audio0":{"codec":"opus","sampleRate":48000,"numberOfChannels":2,"#,
    r#""bitrate":96000,"jitter":20}},"priority":80}}"#
);

fn video() -> VideoConfig {
    VideoConfig {
        codec: "avc3.42c01f".into(),
        coded_width: Some(1280),
        coded_height: Some(720),
        framerate: Some(30.0),
        common: paced(2_500_000, 34),
        ..Default::default()
    }
}

fn audio() -> AudioConfig {
    AudioConfig {
        codec: "opus".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        common: paced(96_000, 20),
        ..Default::default()
    }
}

fn paced(bitrate: u64, jitter: u32) -> Common {
    Common {
        bitrate: Some(bitrate),
        jitter: Some(jitter),
        ..Default::default()
    }
}

fn example() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.insert("video0", Config::Video(video()));
    catalog.insert("audio0", Config::Audio(audio()));
    catalog
}

fn read(json: &str) -> Catalog {
    Catalog::from_slice(json.as_bytes()).expect("a catalog")
}

/// The video configuration that remains of one rendition, if any does.
fn read_video(rendition: &str) -> Option<VideoConfig> {
    let json = format!(r#"{{"video":{{"renditions":{{"v":{rendition}}}}}}}"#);
    read(&json).video.expect("a section").renditions.remove("v")
}

#[test]
fn the_catalog_is_written_for_old_and_new_readers() {
    assert_eq!(example().to_bytes(), EXAMPLE.as_bytes());
}

#[test]
fn what_is_written_is_read_back() {
    let mut catalog = example();
    catalog.insert(
        "video/hd",
        Config::Video(VideoConfig {
            codec: "avc1.64001f".into(),
            description: Some(Bytes::from_static(&[0x01, 0xab, 0xff])),
            display_aspect_width: Some(16),
            display_aspect_height: Some(9),
            framerate: Some(29.97),
            optimize_for_latency: Some(true),
            container: Container::Cmaf {
                init: "AAAA".into(),
            },
            common: Common {
                delay: Some(5),
                broadcast: Some("../x".into()),
                label: Some("720p".into()),
                lang: Some("en".into()),
                ..Default::default()
            },
            stalled: Some(false),
            ..Default::default()
        }),
    );
    let bytes = catalog.to_bytes();
    assert!(
        std::str::from_utf8(&bytes)
            .expect("UTF-8")
            .contains(r#""description":"01abff""#)
    );
    assert_eq!(Catalog::from_slice(&bytes), Ok(catalog));
}

#[test]
fn empty_sections_are_left_out() {
    let mut catalog = example();
    assert!(catalog.remove("video0"));
    assert!(catalog.remove("audio0"));
    assert!(!catalog.remove("audio0"));
    assert!(catalog.is_empty());
    assert_eq!(&catalog.to_bytes()[..], b"{}");
    assert_eq!(read("{}"), Catalog::default());
}

#[test]
fn a_name_belongs_to_one_rendition() {
    let mut catalog = example();
    catalog.insert("video0", Config::Audio(audio()));
    let names: Vec<_> = catalog
        .renditions()
        .map(|(name, config)| (name, config.priority()))
        .collect();
    assert_eq!(
        names,
        [("audio0", AUDIO_PRIORITY), ("video0", AUDIO_PRIORITY)]
    );
}

#[test]
fn numbers_that_json_or_a_reader_cannot_hold_are_kept_out() {
    let mut config = video();
    config.framerate = Some(f64::NAN);
    config.common.bitrate = Some(u64::MAX);
    config.common.jitter = Some(0);
    let json = serde_json::to_value(&config).expect("serializes");
    assert_eq!(json["framerate"], Value::Null);
    assert!(!json.as_object().expect("object").contains_key("framerate"));
    assert_eq!(json["bitrate"], (1u64 << 53) - 1);
    assert_eq!(json["jitter"], 1);
}

#[test]
fn one_bad_rendition_does_not_lose_the_others() {
    let catalog = read(
        r#"{"video":{"renditions":{"a":{"codec":7},"b":null,"c":{"codec":"vp8"},"d":{},
            "e":{"codec":"vp8","container":{"kind":"new"}},"f":{"codec":"vp8","container":"raw"},
            "g":{"codec":"vp8","description":"abc"},"h":{"codec":"vp8","container":{"kind":"cmaf"}}}},
            "audio":{"renditions":{"a":{"codec":"opus"},"b":{"codec":"opus","sampleRate":48000,"numberOfChannels":2}}}}"#,
    );
    let names: Vec<_> = catalog
        .renditions()
        .map(|(name, config)| (name, config.codec().to_owned()))
        .collect();
    assert_eq!(names, [("c", "vp8".to_owned()), ("b", "opus".to_owned())]);
}

#[test]
fn containers_are_objects_or_the_names_of_early_players() {
    let container = |text: &str| {
        let config = read_video(&format!(r#"{{"codec":"vp8","container":{text}}}"#));
        config.map(|config| config.container)
    };
    assert_eq!(container(r#"{"kind":"legacy"}"#), Some(Container::Legacy));
    assert_eq!(container(r#""legacy""#), Some(Container::Legacy));
    assert_eq!(container("null"), Some(Container::Legacy));
    assert_eq!(container(r#"{"kind":"loc"}"#), Some(Container::Loc));
    assert_eq!(
        container(r#"{"kind":"cmaf","init":"AA=="}"#),
        Some(Container::Cmaf {
            init: "AA==".into()
        })
    );
    assert_eq!(container(r#""fmp4""#), None);
    assert_eq!(container("3"), None);
}

#[test]
fn floats_nulls_aliases_and_unknown_members_are_read() {
    let config = read_video(
        r#"{"codec":"avc1.42c01e","codedWidth":640.0,"codedHeight":null,"displayRatioWidth":4,
            "displayRatioHeight":3,"displayAspectHeight":9,"jitter":54.6875,"bitrate":1e6,
            "framerate":25,"description":"01AB","new":{"x":1}}"#,
    );
    let expected = VideoConfig {
        codec: "avc1.42c01e".into(),
        coded_width: Some(640),
        display_aspect_width: Some(4),
        display_aspect_height: Some(9),
        common: paced(1_000_000, 55),
        framerate: Some(25.0),
        description: Some(Bytes::from_static(&[1, 0xab])),
        ..Default::default()
    };
    assert_eq!(config, Some(expected));
}

#[test]
fn a_member_of_the_wrong_type_does_not_lose_its_track() {
    let strange = r#""bitrate":"fast","jitter":-1,"delay":{},"lang":1,"label":["x"]"#;
    let video = r#""codedWidth":"wide","codedHeight":-2,"framerate":"25","optimizeForLatency":1,"stalled":"no""#;
    let catalog = read(&format!(
        r#"{{"video":{{"renditions":{{"v":{{"codec":"vp8",{video},{strange}}}}}}},
            "audio":{{"renditions":{{"a":{{"codec":"opus","sampleRate":48000,"numberOfChannels":2,{strange}}}}}}},
            "text":{{"renditions":{{"t":{{"format":"vtt",{strange}}}}}}},
            "binary":{{"tracks":{{"d":{{"mode":"stream",{strange}}}}}}}}}"#
    ));
    let vp8 = VideoConfig::default();
    let expected = [
        (
            "v",
            Config::Video(VideoConfig {
                codec: "vp8".into(),
                ..vp8
            }),
        ),
        (
            "a",
            Config::Audio(AudioConfig {
                common: Common::default(),
                ..audio()
            }),
        ),
        (
            "t",
            Config::Text(TextConfig {
                format: VTT.into(),
                ..Default::default()
            }),
        ),
        ("d", Config::Data(DataConfig::new(Mode::Stream, None))),
    ];
    assert_eq!(catalog.renditions().collect::<Vec<_>>(), expected);
    // But a track that is nobody knows where is none.
    assert_eq!(read_video(r#"{"codec":"vp8","broadcast":7}"#), None);
}

#[test]
fn sections_of_an_unknown_shape_count_as_absent() {
    assert_eq!(
        read(r#"{"video":7,"audio":null,"user":{"id":"x"}}"#),
        Catalog::default()
    );
    assert_eq!(
        read(r#"{"video":{"renditions":[]}}"#).video,
        Some(Video::default())
    );
}

#[test]
fn section_members_are_read() {
    let catalog = read(
        r#"{"video":{"priority":1,"display":{"width":2,"height":3},"rotation":90,"flip":true},
            "audio":{"priority":"high","renditions":{}}}"#,
    );
    let video = Video {
        priority: 1,
        display: Some(Display {
            width: 2,
            height: 3,
        }),
        rotation: Some(90.0),
        flip: Some(true),
        ..Default::default()
    };
    assert_eq!(
        catalog,
        Catalog {
            video: Some(video),
            audio: Some(Audio::default()),
            ..Catalog::default()
        }
    );
}

#[test]
fn the_list_form_of_early_players_is_read() {
    let catalog = read(
        r#"{"video":[{"track":{"name":"v","priority":2},"config":{"codec":"vp8"}},{"track":"w"},3],
            "audio":[{"track":"a","config":{"codec":"opus","sampleRate":48000,"numberOfChannels":1}}]}"#,
    );
    let names: Vec<_> = catalog.renditions().map(|(name, _)| name).collect();
    assert_eq!(names, ["v", "a"]);
}

#[test]
fn text_and_data_have_sections_of_their_own() {
    let mut catalog = Catalog::default();
    let text = TextConfig {
        format: VTT.into(),
        role: Some("caption".into()),
        common: Common {
            lang: Some("es-419".into()),
            label: Some("Español".into()),
            ..Default::default()
        },
        ..Default::default()
    };
    catalog.insert("text0", Config::Text(text));
    let data = DataConfig::new(Mode::Snapshot, Some("application/smpte336m".into()));
    catalog.insert("data0", Config::Data(data));
    assert!(!catalog.is_empty());
    let json = concat!(
        r#"{"text":{"renditions":{"text0":{"format":"vtt","role":"caption","lang":"es-419","label":"Español"}}},"#,
        r#""binary":{"tracks":{"data0":{"mode":"snapshot","mime":"application/smpte336m"}}}}"#
    );
    assert_eq!(catalog.to_bytes(), json.as_bytes());
    assert_eq!(read(json), catalog);
    let kinds: Vec<_> = catalog
        .renditions()
        .map(|(name, config)| (name, config.kind().name(), config.priority()))
        .collect();
    let expected = [
        ("text0", "text", TEXT_PRIORITY),
        ("data0", "data", DATA_PRIORITY),
    ];
    assert_eq!(kinds, expected);
    assert!(catalog.remove("text0") && catalog.remove("data0") && catalog.is_empty());
}

#[test]
fn text_and_data_that_make_no_sense_are_left_out() {
    let catalog = read(
        r#"{"text":{"renditions":{"a":{"role":"subtitle"},"b":{"format":"vtt","role":7,"new":1},
            "c":{"format":"vtt","container":{"kind":"new"}},
            "d":{"format":"utf8","container":{"kind":"legacy"},"jitter":0.5}}},
            "binary":{"tracks":{"e":{"mode":"window"},"f":{"mime":"x/y"},"g":{"mode":"stream","compression":"deflate"},
            "h":7}},"json":{"tracks":{"state":{"mode":"snapshot"}}}}"#,
    );
    let deflate = DataConfig {
        compression: Some("deflate".into()),
        ..DataConfig::new(Mode::Stream, None)
    };
    let text = |format: &str, jitter| {
        Config::Text(TextConfig {
            format: format.into(),
            common: Common {
                jitter,
                ..Default::default()
            },
            ..Default::default()
        })
    };
    let expected = [
        ("b", text("vtt", None)),
        ("d", text("utf8", Some(1))),
        ("g", Config::Data(deflate)),
    ];
    assert_eq!(catalog.renditions().collect::<Vec<_>>(), expected);
    for json in [
        r#"{"text":"hello","binary":[1]}"#,
        r#"{"text":{},"binary":{}}"#,
    ] {
        assert!(read(json).is_empty(), "{json}");
    }
}

#[test]
fn the_clock_says_when_media_time_was_zero() {
    let zero = Duration::new(1_700_000_000, 250_000_000);
    let clock = Clock::new(zero).expect("after 2020");
    let mut catalog = example();
    catalog.clock = Some(clock);
    catalog.title = Some("A walk".into());
    let json = String::from_utf8(catalog.to_bytes().to_vec()).expect("UTF-8");
    let end = r#","clock":{"wall":122163200250000,"timescale":1000000},"title":"A walk"}"#;
    assert!(json.ends_with(end), "{json}");
    assert_eq!(read(&json), catalog);
    assert_eq!(clock.zero(), zero);
    let pts = Micros::new(1_500_000);
    assert_eq!(clock.wall_time(pts), zero + Duration::from_millis(1500));

    let read = |clock: &str| read(&format!(r#"{{"clock":{clock}}}"#)).clock;
    let seconds = read(r#"{"wall":60,"timescale":1}"#).expect("a clock");
    assert_eq!(seconds.zero(), EPOCH + Duration::from_secs(60));
    assert_eq!(
        read(r#"{"wall":60000000}"#).map(|clock| clock.zero()),
        Some(seconds.zero())
    );
    for strange in [
        "7",
        "null",
        "{}",
        r#"{"wall":0,"timescale":0}"#,
        r#"{"wall":9007199254740992}"#,
    ] {
        assert_eq!(read(strange), None, "{strange}");
    }
    let far = read(r#"{"wall":9007199254740991,"timescale":1}"#).expect("a clock");
    assert!(far.wall_time(Micros::MAX) > far.zero());
    assert_eq!(Clock::new(Duration::from_secs(1)), None);
    assert_eq!(Clock::new(Duration::MAX), None);
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let refused = |json: &[u8]| match Catalog::from_slice(json) {
        Err(Error::Catalog(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(b"[]"), "it is not a JSON object");
    assert_eq!(
        refused(&vec![b' '; MAX_SIZE + 1]),
        "1048577 bytes are more than the 1048576 allowed"
    );
    for size in 0..EXAMPLE.len() {
        refused(&EXAMPLE.as_bytes()[..size]);
    }
    refused(&[b'['; 5000]);
}

#[test]
fn more_than_64_renditions_are_refused() {
    let mut catalog = Catalog::default();
    for index in 0..MAX_RENDITIONS {
        catalog.insert(format!("v{index}"), Config::Video(video()));
    }
    assert_eq!(
        Catalog::from_slice(&catalog.to_bytes()),
        Ok(catalog.clone())
    );
    catalog.insert("one more", Config::Audio(audio()));
    assert_eq!(
        Catalog::from_slice(&catalog.to_bytes()),
        Err(Error::Catalog(
            "65 renditions are more than the 64 allowed".into()
        ))
    );
}
