//! Pictures, tones, samples, text and data that can be recognised after a way through both elements.
#![allow(dead_code)] // every test binary uses its own part

use std::time::Duration;

use gst::prelude::*;

use crate::support::{Pipeline, Record, Track, Unit, Viewer};

/// How a broadcast gets from moqsink to moqsrc.
pub(crate) enum Route {
    /// moqsink serves moqsrc.
    Direct,
    /// Through the relay at this address.
    Relay(String),
}

/// A publisher and what reaches its moqsink.
struct Broadcast {
    pipeline: Pipeline,
    record: Record,
    url: String,
}

/// A viewer and what comes out of it.
struct Screen {
    /// Plays as long as it is there.
    _pipeline: Pipeline,
    record: Record,
}

impl Broadcast {
    /// Is ready to be played, in this container; data waits for [`Self::play`].
    fn new(route: &Route, container: &str, encoder: &str) -> Self {
        let address = match route {
            Route::Direct => "listen=127.0.0.1:0".to_owned(),
            Route::Relay(url) => format!("url={url}"),
        };
        let pipeline = Pipeline::launch(&format!(
            "{encoder} ! moqsink name=sink broadcast=cam container={container} {address}"
        ));
        let record = Record::default();
        let sink = pipeline.element("sink");
        record.watch(&sink.sink_pads()[0], "sink");
        if let Some(raw) = pipeline.0.by_name("raw") {
            record.watch(&pad(&raw, "src"), "raw");
        }
        pipeline.set_state(gst::State::Paused);
        let url = match route {
            Route::Direct => {
                let address = sink.property::<Option<String>>("listen-address");
                format!("http://{}/", address.expect("it listens"))
            }
            Route::Relay(url) => url.clone(),
        };
        Self {
            pipeline,
            record,
            url,
        }
    }

    fn play(&self) {
        self.pipeline.set_state(gst::State::Playing);
    }

    /// Plays it through what follows moqsrc.
    fn screen(&self, options: &str, tail: &str) -> Screen {
        let pipeline = Pipeline::launch(&format!(
            "moqsrc url={} broadcast=cam {options} ! {tail} ! fakesink name=out sync=false async=false",
            self.url
        ));
        let record = Record::default();
        record.watch(&pad(&pipeline.element("out"), "sink"), "out");
        pipeline.set_state(gst::State::Playing);
        Screen {
            _pipeline: pipeline,
            record,
        }
    }
}

impl Screen {
    /// Waits for so many buffers, or the reason why there are none.
    fn wait_for(&self, units: usize) -> Track {
        self.record.wait_for_units("out", units);
        self.record.track("out")
    }
}

fn pad(element: &gst::Element, name: &str) -> gst::Pad {
    element.static_pad(name).expect("it has such a pad")
}

const PICTURE: &str = "video/x-raw,format=I420,width=160,height=120,framerate=15/1";

/// A test picture comes out as it went in, with the decoder that is found for it.
pub(crate) fn picture(route: &Route, encoder: &str) {
    picture_in(route, "legacy", encoder);
}

/// As [`picture`], in this container.
pub(crate) fn picture_in(route: &Route, container: &str, encoder: &str) {
    let broadcast = Broadcast::new(
        route,
        container,
        &format!(
            "videotestsrc is-live=true pattern=smpte100 ! {PICTURE} ! identity name=raw ! {encoder}"
        ),
    );
    let screen = broadcast.screen("", "decodebin ! videoconvert ! video/x-raw,format=I420");
    broadcast.play();
    let shown = screen.wait_for(6);
    let sent = broadcast.record.track("raw").units.swap_remove(0).bytes;
    let last = &shown.units[5].bytes;
    let quality = psnr(&sent, last);
    assert!(quality > 28.0, "{encoder}: {quality} dB");
    let caps = shown.caps.expect("caps come first");
    let caps = caps.structure(0).expect("they are fixed");
    assert_eq!(
        caps.get::<gst::Fraction>("framerate"),
        Ok(gst::Fraction::new(15, 1))
    );
}

/// How close two pictures are, in decibels.
pub(crate) fn psnr(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let squares = one
        .iter()
        .zip(other)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let error = squares.sum::<f64>() / one.len() as f64;
    10.0 * (255.0 * 255.0 / error.max(1e-9)).log10()
}

/// A tone comes out as high as it went in, with the decoder that is found for it.
pub(crate) fn tone(route: &Route, channels: usize, encoder: &str) {
    tone_in(route, "legacy", channels, encoder);
}

/// As [`tone`], in this container.
pub(crate) fn tone_in(route: &Route, container: &str, channels: usize, encoder: &str) {
    let broadcast = Broadcast::new(
        route,
        container,
        &format!(
            "audiotestsrc is-live=true freq=1000 samplesperbuffer=480 \
             ! audio/x-raw,format=S16LE,rate=48000,channels={channels}{} ! audioconvert ! {encoder}",
            if channels > 2 {
                ",channel-mask=(bitmask)0x3f"
            } else {
                ""
            }
        ),
    );
    let screen = broadcast.screen(
        "skip-policy=none",
        "decodebin ! audioconvert ! audio/x-raw,format=S16LE,layout=interleaved",
    );
    broadcast.play();
    let mut heard = Vec::new();
    // The first third of a second is the encoder's to settle.
    screen.record.wait("a second of sound", |tracks| {
        heard = samples(&tracks["out"].bytes().concat(), channels);
        heard.len() > 48_000
    });
    let caps = screen.record.track("out").caps.expect("caps come first");
    let caps = caps.structure(0).expect("they are fixed");
    assert_eq!(
        caps.get::<i32>("channels"),
        Ok(channels as i32),
        "{encoder}"
    );
    assert_eq!(caps.get::<i32>("rate"), Ok(48_000), "{encoder}");
    let heard = &heard[16_000..48_000];
    let frequency = frequency(heard);
    assert!(
        (980.0..1020.0).contains(&frequency),
        "{encoder}: {frequency} Hz"
    );
    let peak = heard.iter().map(|sample| i32::from(*sample).abs()).max();
    assert!(peak > Some(10_000), "{encoder}: {peak:?}");
}

/// How high a tone is, in Hz, of which there are 48000 samples a second.
pub(crate) fn frequency(heard: &[i16]) -> f64 {
    let crossings = heard
        .windows(2)
        .filter(|pair| (pair[0] < 0) != (pair[1] < 0))
        .count();
    crossings as f64 / 2.0 / (heard.len() as f64 / 48_000.0)
}

/// The samples of the first channel.
pub(crate) fn samples(bytes: &[u8], channels: usize) -> Vec<i16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .step_by(channels)
        .map(|sample| i16::from_le_bytes(*sample))
        .collect()
}

/// Noise comes out sample by sample as it went in.
pub(crate) fn lossless(route: &Route, encoder: &str) {
    lossless_in(route, "legacy", encoder);
}

/// As [`lossless`], in this container.
pub(crate) fn lossless_in(route: &Route, container: &str, encoder: &str) {
    let broadcast = Broadcast::new(
        route,
        container,
        &format!(
            "audiotestsrc is-live=true wave=white-noise samplesperbuffer=480 \
             ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! identity name=raw ! {encoder}"
        ),
    );
    let screen = broadcast.screen(
        "skip-policy=none",
        "decodebin ! audioconvert dithering=none noise-shaping=none ! audio/x-raw,format=S16LE,layout=interleaved",
    );
    broadcast.play();
    let mut heard = Vec::new();
    screen.record.wait("half a second of sound", |tracks| {
        heard = tracks["out"].bytes().concat();
        heard.len() > 4 * 24_000
    });
    let sent = broadcast.record.track("raw").bytes().concat();
    let start = sent
        .windows(64)
        .step_by(4)
        .position(|window| *window == heard[..64])
        .expect("what is heard was sent");
    let sent = &sent[start * 4..];
    let size = heard.len().min(sent.len());
    assert!(heard[..size] == sent[..size], "{encoder}: samples differ");
}

/// Subtitles come out as plain text, as far apart and for as long as they went in.
pub(crate) fn text(route: &Route, parser: &str) {
    text_in(route, "legacy", parser);
}

/// As [`text`], in this container.
pub(crate) fn text_in(route: &Route, container: &str, parser: &str) {
    let subtitles = "1\n00:00:00,200 --> 00:00:00,600\n<i>Hello</i> & welcome\n\n\
                     2\n00:00:00,700 --> 00:00:01,700\nOne\nTwo\n\n";
    let folder = std::env::temp_dir();
    let name = format!(
        "moq-{}-{container}-{}.srt",
        std::process::id(),
        parser.len()
    );
    let file = folder.join(name);
    std::fs::write(&file, subtitles).expect("the folder can be written");
    let broadcast = Broadcast::new(
        route,
        container,
        &format!("filesrc location={} ! {parser}", file.display()),
    );
    let screen = broadcast.screen("skip-policy=none", "text/x-raw,format=utf8");
    broadcast.play();
    let shown = screen.wait_for(2);
    std::fs::remove_file(&file).expect("it was written");
    let texts: Vec<_> = shown
        .units
        .iter()
        .map(|unit| String::from_utf8_lossy(&unit.bytes).into_owned())
        .collect();
    assert_eq!(texts, ["Hello & welcome", "One\nTwo"]);
    let apart = shown.units[1].time - shown.units[0].time;
    assert_eq!(apart, gst::ClockTime::from_mseconds(500));
    let lasting: Vec<_> = shown.units.iter().map(|unit| unit.duration).collect();
    let expected = [400, 1000].map(|millis| Some(gst::ClockTime::from_mseconds(millis)));
    assert_eq!(lasting, expected);
}

/// Pictures and sound come out byte by byte as they went in, as far apart, and as far from each other.
pub(crate) fn same_samples(route: &Route, container: &str, video: &str, audio: &str) {
    let source = "videotestsrc is-live=true num-buffers=75 \
                  ! video/x-raw,format=I420,width=160,height=120,framerate=25/1";
    let broadcast = Broadcast::new(
        route,
        container,
        &format!(
            "audiotestsrc is-live=true samplesperbuffer=960 num-buffers=150 \
             ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! {audio} ! sink. \
             {source} ! {video}"
        ),
    );
    let sink = broadcast.pipeline.element("sink");
    let watched = Record::default();
    for pad in sink.sink_pads() {
        watched.watch(&pad, &pad.name());
    }
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url={} broadcast=cam skip-policy=none",
        broadcast.url
    ));
    broadcast.play();
    broadcast.pipeline.wait_for_eos();
    viewer.record.wait_for_eos(&["video_0", "audio_0"]);
    let mut sent: Vec<_> = watched.lock().values().cloned().collect();
    sent.sort_by_key(|track| {
        let caps = track.caps.as_ref().and_then(|caps| caps.structure(0));
        !caps.is_some_and(|caps| caps.name().starts_with("video"))
    });
    let got = ["video_0", "audio_0"].map(|name| viewer.record.track(name));
    let mut delay = None;
    for (sent, got) in sent.iter().zip(&got) {
        let first = got.units.first().expect("it is not empty");
        let missed = sent.units.iter().position(|unit| unit.bytes == first.bytes);
        let sent = &sent.units[missed.expect("what arrives was sent")..];
        assert_eq!(sent.len(), got.units.len(), "{container}: samples");
        for (index, (sent, got)) in sent.iter().zip(&got.units).enumerate() {
            assert!(sent.bytes == got.bytes, "{container}: sample {index}");
            let late = |unit: &Unit| unit.time.nseconds() as i64 - sent.time.nseconds() as i64;
            let expected = *delay.get_or_insert(late(got));
            let apart = (late(got) - expected).abs();
            assert!(
                apart < 2_000,
                "{container}: sample {index} is {apart} ns off"
            );
        }
    }
}

/// Buffers of data come out as they went in, as far apart.
pub(crate) fn data(route: &Route, caps: &str) {
    data_in(route, "legacy", caps);
}

/// As [`data`], in this container.
pub(crate) fn data_in(route: &Route, container: &str, caps: &str) {
    let broadcast = Broadcast::new(
        route,
        container,
        &format!(
            "fakesrc is-live=true do-timestamp=true format=time sizetype=fixed sizemax=32 filltype=pattern-span \
             datarate=640 ! {caps}"
        ),
    );
    let screen = broadcast.screen("skip-policy=none", caps);
    broadcast.play();
    let got = screen.wait_for(8);
    let sent = broadcast.record.track("sink");
    let start = sent
        .units
        .iter()
        .position(|unit| unit.bytes == got.units[0].bytes)
        .expect("it was sent");
    let sent = &sent.units[start..];
    for (index, unit) in got.units.iter().enumerate().take(8) {
        assert_eq!(unit.bytes, sent[index].bytes);
        let apart = |units: &[Unit]| Duration::from(units[index].time - units[0].time);
        let (one, other) = (apart(sent), apart(&got.units));
        assert!(
            one.abs_diff(other) < Duration::from_micros(2),
            "{one:?} {other:?}"
        );
    }
}
