//! What goes into a container comes out of it, and what is broken does not.

use bytes::Bytes;
use gstmoq::media::{
    AudioConfig, Config, Container, Error, Micros, VideoConfig,
    container::{Kind, Reader, Sample, Writer, describe},
};

use super::build;

const KINDS: [Kind; 3] = [Kind::Legacy, Kind::Loc, Kind::Cmaf];

fn micros(value: u32) -> Micros {
    Micros::new(value)
}

fn avc() -> Config {
    Config::Video(VideoConfig {
        codec: "avc1.42c01e".into(),
        description: Some(Bytes::from_static(build::AVCC)),
        coded_width: Some(640),
        coded_height: Some(360),
        framerate: Some(25.0),
        ..VideoConfig::default()
    })
}

fn video(codec: &str) -> Config {
    Config::Video(VideoConfig {
        codec: codec.into(),
        coded_width: Some(640),
        coded_height: Some(360),
        ..VideoConfig::default()
    })
}

fn audio(codec: &str, description: Option<&'static [u8]>) -> Config {
    Config::Audio(AudioConfig {
        codec: codec.into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        description: description.map(Bytes::from_static),
        ..AudioConfig::default()
    })
}

fn every_codec() -> Vec<Config> {
    let flac: &[u8] = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0b\xb8\x02\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        avc(),
        video("vp8"),
        video("vp09.00.31.08"),
        video("av01.0.04M.08"),
        audio("mp4a.40.2", Some(&[0x11, 0x90])),
        audio("opus", Some(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0")),
        audio("flac", Some(flac)),
        audio("mp3", None),
        audio("pcm", None),
    ]
}

fn sample(dts: u32, pts: u32, keyframe: bool, payload: &'static [u8]) -> Sample {
    Sample {
        timestamp: micros(pts),
        dts: Some(micros(dts)),
        duration: Some(micros(40_000)),
        keyframe,
        payload: Bytes::from_static(payload),
    }
}

/// Decode order with a picture that is shown before the one it follows.
fn samples() -> Vec<Sample> {
    vec![
        sample(0, 40_000, true, b"IDR"),
        sample(40_000, 120_000, false, b"P"),
        sample(80_000, 80_000, false, b"B"),
    ]
}

/// The frames of samples that are written one by one, and the catalog's entry.
fn write(kind: Kind, config: &Config, samples: Vec<Sample>) -> (Config, Vec<Bytes>) {
    let mut config = config.clone();
    let mut writer = Writer::new(kind, &mut config).expect("it has a place");
    let frames = samples.into_iter().flat_map(|sample| {
        let frames = writer.write([sample].into_iter().collect());
        frames.expect("small enough")
    });
    let frames = frames
        .map(|frame| Bytes::from(frame.chunks.concat()))
        .collect();
    (config, frames)
}

#[test]
fn every_codec_comes_out_of_every_container_as_it_went_in() {
    for config in every_codec() {
        for kind in KINDS {
            let (config, frames) = write(kind, &config, samples());
            let mut reader = Reader::new(&config).expect("our own entry");
            let read: Vec<_> = frames
                .into_iter()
                .flat_map(|frame| reader.read(None, vec![frame]).expect("our own frame"))
                .collect();
            let sound = matches!(config, Config::Audio(_));
            for (read, sample) in read.iter().zip(samples()) {
                let what = format!("{} in {kind:?}", config.codec());
                assert_eq!(read.payload, sample.payload, "{what}");
                // Sound is not reordered: its decode time is that of presentation.
                if kind != Kind::Cmaf {
                    assert_eq!(
                        read,
                        &Sample::new(sample.timestamp, false, sample.payload),
                        "{what}"
                    );
                } else if !sound {
                    assert_eq!(read, &sample, "{what}");
                }
            }
            assert_eq!(read.len(), 3);
        }
    }
}

#[test]
fn the_catalog_names_the_container_and_readers_find_the_configuration_in_it() {
    let (legacy, _) = write(Kind::Legacy, &avc(), vec![]);
    assert_eq!(legacy, avc());
    let (loc, _) = write(Kind::Loc, &avc(), vec![]);
    assert_eq!(loc.container(), Some(&Container::Loc));
    for config in every_codec() {
        let (mut cmaf, _) = write(Kind::Cmaf, &config, vec![]);
        let whole = cmaf.clone();
        assert_eq!(
            describe(&whole).expect("our own"),
            whole,
            "{}",
            config.codec()
        );
        if let Config::Video(video) = &mut cmaf {
            (video.description, video.coded_width, video.coded_height) = (None, None, None);
            let found = describe(&cmaf).expect("our own");
            assert_eq!(
                found.description(),
                config.description(),
                "{}",
                config.codec()
            );
        }
    }
}

#[test]
fn a_fragment_holds_several_samples_and_no_copy_of_their_payload() {
    let mut config = avc();
    let mut writer = Writer::new(Kind::Cmaf, &mut config).expect("it has a place");
    let frames = writer.write(samples().into()).expect("small");
    assert_eq!(frames.len(), 1);
    let frame = &frames[0];
    assert_eq!(frame.timestamp, micros(40_000));
    for (chunk, sample) in frame.chunks[1..].iter().zip(samples()) {
        assert_eq!(chunk.as_ptr(), sample.payload.as_ptr());
    }
    let mut reader = Reader::new(&config).expect("our own entry");
    let chunks = frame.chunks.to_vec();
    assert_eq!(reader.read(None, chunks).expect("our own frame"), samples());
    // However the network cuts it.
    let whole = Bytes::from(frame.chunks.concat());
    for at in 0..whole.len() {
        let cut = vec![whole.slice(..at), whole.slice(at..)];
        assert_eq!(
            reader.read(None, cut).expect("our own frame"),
            samples(),
            "{at}"
        );
    }
}

#[test]
fn decode_times_rise_whatever_samples_say() {
    let messy = [(90_000, 100_000), (90_000, 140_000), (80_000, 120_000)];
    let messy = messy.map(|(dts, pts)| sample(dts, pts, false, b"x"));
    let bare = [100_000, 180_000, 140_000]
        .map(|pts| Sample::new(micros(pts), false, Bytes::from_static(b"x")));
    for (samples, expected) in [
        (messy, [90_000, 90_001, 90_002]),
        (bare, [100_000, 180_000, 180_001]),
    ] {
        let (config, frames) = write(Kind::Cmaf, &avc(), samples.to_vec());
        let mut reader = Reader::new(&config).expect("our own entry");
        let read = frames
            .into_iter()
            .flat_map(|frame| reader.read(None, vec![frame]).expect("our own"));
        let times: Vec<_> = read.map(|sample| (sample.timestamp, sample.dts)).collect();
        let expected: Vec<_> = samples
            .iter()
            .zip(expected)
            .map(|(sample, dts)| (sample.timestamp, Some(micros(dts))))
            .collect();
        assert_eq!(times, expected);
    }
}

#[test]
fn frames_that_are_cut_short_are_refused_and_the_next_is_read() {
    for kind in KINDS {
        let (config, frames) = write(kind, &avc(), samples());
        let mut reader = Reader::new(&config).expect("our own entry");
        let whole = &frames[0];
        for size in 0..whole.len() {
            match reader.read(None, vec![whole.slice(..size)]) {
                Err(_) => {}
                // A shorter payload cannot be told where nothing says how long it is; none is a marker.
                Ok(samples) => {
                    let left = samples.first().map_or(0, |sample| sample.payload.len());
                    assert!(
                        left < 3 && (kind != Kind::Cmaf || size == 0),
                        "{kind:?} {size}"
                    );
                }
            }
            let read = reader.read(None, vec![whole.clone()]).expect("whole");
            assert_eq!(read.len(), 1, "{kind:?} after {size}");
        }
    }
}

#[test]
fn what_has_no_place_in_fragments_is_said() {
    let refused = |mut config: Config| match Writer::new(Kind::Cmaf, &mut config) {
        Err(Error::Cmaf(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(video("avc3.42c01e")),
        "avc3.42c01e needs its configuration out of band"
    );
    assert_eq!(
        refused(audio("mp4a.40.2", None)),
        "mp4a.40.2 needs its configuration out of band"
    );
    assert_eq!(
        refused(audio("mp2", None)),
        "there is no place for mp2 in it"
    );
    for init in ["", "?", "AAAACGZyZWU", "AAAACG1vb3Y="] {
        let mut config = avc();
        config.set_container(Container::Cmaf { init: init.into() });
        assert!(
            matches!(Reader::new(&config), Err(Error::Cmaf(_))),
            "{init}"
        );
    }
}

#[test]
fn fragments_of_other_publishers_are_read() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    // Two tracks in the init segment, a timescale of its own, an edit list, junk around the fragment.
    let mut track = build::Track::new(1, 90_000, build::avc1());
    track.edits = Some(build::elst(&[(0, 9000)]));
    let head = build::header(&[build::Track::new(2, 48_000, build::mp4a()), track]);
    let mut config = avc();
    config.set_container(Container::Cmaf {
        init: BASE64_STANDARD.encode(head),
    });
    let mut reader = Reader::new(&config).expect("valid");
    let frame = [
        build::boxed("styp", &[b"msdh\0\0\0\0"]),
        build::boxed("prft", &[&[0; 20]]),
        build::fragment(1, 18_000, 4500, &[(b"one", true), (b"two", false)]),
    ];
    let read = reader
        .read(None, vec![frame.concat().into()])
        .expect("valid");
    let expected = [(100_000, true, &b"one"[..]), (150_000, false, b"two")].map(
        |(time, keyframe, payload)| Sample {
            timestamp: micros(time),
            dts: Some(micros(time)),
            duration: Some(micros(50_000)),
            keyframe,
            payload: Bytes::from_static(payload),
        },
    );
    assert_eq!(read, expected);
    let other = build::fragment(2, 0, 1024, &[(b"sound", true)]);
    assert_eq!(reader.read(None, vec![other.into()]), Ok(vec![]));
}
