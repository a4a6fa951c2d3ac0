//! A picture in three qualities and sound in two languages, each from an encoder to a decoder.

use std::collections::BTreeMap;

use gst::prelude::*;

use crate::{
    media::{frequency, psnr, samples},
    support::{Pipeline, Publisher, Record},
};

const SIZES: [(i32, i32); 3] = [(320, 240), (160, 120), (80, 60)];
const TONES: [(&str, f64); 2] = [("en", 500.0), ("de", 2_000.0)];

fn publisher() -> Publisher {
    let mut description = "moqsink name=sink listen=127.0.0.1:0 broadcast=cam \
         videotestsrc is-live=true pattern=smpte100 ! video/x-raw,format=I420,width=320,height=240,framerate=15/1 \
         ! tee name=picture "
        .to_owned();
    for (number, (width, height)) in SIZES.iter().enumerate() {
        description += &format!(
            "picture. ! queue ! videoscale ! video/x-raw,width={width},height={height} ! identity name=raw{number} \
             ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! sink.sink_{number} "
        );
    }
    for (number, (language, tone)) in TONES.iter().enumerate() {
        let number = SIZES.len() + number;
        description += &format!(
            "audiotestsrc is-live=true freq={tone} samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=1 \
             ! opusenc ! taginject tags=language-code={language} ! sink.sink_{number} "
        );
    }
    Publisher::new(&description)
}

/// What every pad gives behind a decoder, by the names of the pads.
fn decoded(url: &str) -> (Pipeline, Record) {
    let pipeline = Pipeline::launch(&format!(
        "moqsrc name=source url={url} broadcast=cam rendition=all skip-policy=none \
         fakesrc num-buffers=0 ! fakesink async=false"
    ));
    let record = Record::default();
    let (weak, watched) = (pipeline.0.downgrade(), record.clone());
    pipeline.element("source").connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else {
            return;
        };
        let convert = match pad.name().starts_with("video") {
            true => "videoconvert ! video/x-raw,format=I420",
            false => "audioconvert ! audio/x-raw,format=S16LE",
        };
        let tail = gst::parse::bin_from_description(
            &format!(
                "decodebin name=decoder ! {convert} ! fakesink name=out sync=false async=false"
            ),
            false,
        );
        let tail = tail.expect("the description is right");
        let decoder = tail.by_name("decoder").expect("it is named");
        let decoder = decoder.static_pad("sink").expect("it takes one stream");
        let input = gst::GhostPad::with_target(&decoder).expect("it is free");
        tail.add_pad(&input).expect("it is the first");
        pipeline.add(&tail).expect("it is new");
        let out = tail.by_name("out").expect("it is named");
        watched.watch(
            &out.static_pad("sink").expect("a sink has one"),
            &pad.name(),
        );
        pad.link(&input).expect("a decoder takes anything");
        tail.sync_state_with_parent().expect("a decoder starts");
    });
    pipeline.set_state(gst::State::Playing);
    (pipeline, record)
}

/// The language that a pad of the source says.
fn language(viewer: &Pipeline, pad: &str) -> String {
    let pad = viewer
        .element("source")
        .static_pad(pad)
        .expect("it is there");
    let tags = pad.sticky_event::<gst::event::Tag>(0).expect("it has tags");
    let language = tags.tag().get::<gst::tags::LanguageCode>();
    language.expect("a language").get().to_owned()
}

#[test]
fn three_qualities_and_two_languages_are_decoded_side_by_side() {
    let publisher = publisher();
    let raw = Record::default();
    for number in 0..SIZES.len() {
        let name = format!("raw{number}");
        let pad = publisher.pipeline.element(&name).static_pad("src");
        raw.watch(&pad.expect("it has one"), &name);
    }
    let (viewer, record) = decoded(&format!("http://127.0.0.1:{}/", publisher.port));
    publisher.play();
    record.wait("all of it", |tracks| {
        let pictures = |name: &str| tracks.get(name).map_or(0, |track| track.units.len());
        let sound = |name: &str| {
            tracks
                .get(name)
                .map_or(0, |track| track.bytes().concat().len())
        };
        let (videos, audios) = (["video_0", "video_1", "video_2"], ["audio_0", "audio_1"]);
        videos.into_iter().all(|name| pictures(name) >= 6)
            && audios.into_iter().all(|name| sound(name) > 2 * 48_000)
    });
    let tracks = record.lock().clone();
    let mut sizes = Vec::new();
    let mut tones = BTreeMap::new();
    for (name, track) in &tracks {
        if name.starts_with("audio") {
            let heard = &samples(&track.bytes().concat(), 1)[16_000..48_000];
            tones.insert(language(&viewer, name), frequency(heard));
            continue;
        }
        let caps = track.caps.as_ref().and_then(|caps| caps.structure(0));
        let caps = caps.expect("caps come first");
        let size = ["width", "height"].map(|side| caps.get::<i32>(side).expect("it has one"));
        let number = SIZES.iter().position(|known| [known.0, known.1] == size);
        let number = number.unwrap_or_else(|| panic!("{name} is of {size:?}"));
        sizes.push(number);
        let sent = &raw.track(&format!("raw{number}")).units[0].bytes;
        let quality = psnr(sent, &track.units[5].bytes);
        assert!(quality > 28.0, "{name} of {size:?}: {quality} dB");
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 1, 2]);
    for (language, expected) in TONES {
        let tone = tones.get(language).copied().unwrap_or_default();
        assert!(
            (tone - expected).abs() < expected / 50.0,
            "{language}: {tone} Hz"
        );
    }
}
