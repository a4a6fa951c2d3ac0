//! Every codec from an encoder to the decoder that is found for it, and what is no media.

use gst::prelude::*;

use crate::{
    media::{Route, data, lossless, picture, text, tone},
    support::{LISTEN, Pipeline, Publisher, Record},
};

#[test]
fn a_picture_of_h264_arrives_in_every_form() {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15";
    for form in ["avc", "byte-stream"] {
        picture(
            &Route::Direct,
            &format!("{encoder} ! video/x-h264,stream-format={form}"),
        );
    }
    picture(
        &Route::Direct,
        &format!("{encoder} ! h264parse ! video/x-h264,stream-format=avc3"),
    );
}

#[test]
fn a_picture_of_h265_arrives_in_every_form() {
    let encoder = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=1000";
    for form in ["byte-stream", "hvc1", "hev1"] {
        picture(
            &Route::Direct,
            &format!("{encoder} ! h265parse ! video/x-h265,stream-format={form}"),
        );
    }
}

#[test]
fn a_picture_of_av1_arrives() {
    picture(&Route::Direct, AV1);
}

const AV1: &str = "av1enc cpu-used=8 usage-profile=realtime lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000";

#[test]
fn a_picture_of_vp8_arrives() {
    picture(
        &Route::Direct,
        "vp8enc deadline=1 keyframe-max-dist=15 target-bitrate=1000000",
    );
}

#[test]
fn a_picture_of_vp9_arrives() {
    let encoder =
        "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000000";
    picture(&Route::Direct, encoder);
    picture(&Route::Direct, &format!("{encoder} ! vp9parse"));
}

#[test]
fn a_tone_of_aac_arrives_raw_and_with_headers() {
    tone(&Route::Direct, 2, "avenc_aac ! aacparse");
    tone(
        &Route::Direct,
        2,
        "voaacenc ! audio/mpeg,stream-format=adts",
    );
}

#[test]
fn a_tone_of_opus_arrives_with_two_and_six_channels() {
    tone(&Route::Direct, 2, "opusenc");
    tone(&Route::Direct, 6, "opusenc");
}

#[test]
fn a_tone_of_mp3_and_mp2_arrives() {
    tone(&Route::Direct, 2, "lamemp3enc");
    tone(&Route::Direct, 2, "avenc_mp2 ! mpegaudioparse");
}

#[test]
fn a_tone_of_ac3_arrives() {
    tone(&Route::Direct, 2, "avenc_ac3 ! ac3parse");
    tone(&Route::Direct, 2, "avenc_eac3 ! ac3parse");
}

#[test]
fn flac_arrives_sample_by_sample() {
    lossless(&Route::Direct, "flacenc");
    lossless(&Route::Direct, "flacenc ! flacparse");
}

#[test]
fn sound_that_is_not_coded_arrives_sample_by_sample() {
    lossless(&Route::Direct, "identity");
    lossless(&Route::Direct, "audioconvert ! audio/x-raw,format=F32LE");
}

#[test]
fn subtitles_arrive_as_text_with_times() {
    text(&Route::Direct, "subparse");
    text(&Route::Direct, "subparse ! webvttenc");
}

#[test]
fn data_arrives_as_it_is_with_times() {
    data(&Route::Direct, "meta/x-klv,parsed=true");
    data(&Route::Direct, "application/octet-stream");
}

#[test]
fn subtitles_are_laid_over_the_picture_that_they_came_with() {
    let file = std::env::temp_dir().join(format!("moq-{}-overlay.srt", std::process::id()));
    let subtitles = "1\n00:00:01,000 --> 00:00:09,000\nSubtitle\n\n";
    std::fs::write(&file, subtitles).expect("the folder can be written");
    let publisher = Publisher::new(&format!(
        "{LISTEN} videotestsrc is-live=true pattern=black ! video/x-raw,width=160,height=120,framerate=15/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! sink.sink_0 \
         filesrc location={} ! subparse ! sink.sink_1",
        file.display()
    ));
    let viewer = Pipeline::launch(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam textoverlay name=overlay \
         source.video_0 ! decodebin ! videoconvert ! video/x-raw,format=I420 ! overlay.video_sink \
         source.text_0 ! queue ! overlay.text_sink overlay. ! fakesink name=out sync=false async=false",
        publisher.port
    ));
    let record = Record::default();
    let out = viewer.element("out").static_pad("sink");
    record.watch(&out.expect("a sink has one"), "out");
    viewer.set_state(gst::State::Playing);
    publisher.play();
    let brightest = |picture: &[u8]| picture[..160 * 120].iter().copied().max();
    let mut shown = Vec::new();
    record.wait("letters on the picture", |tracks| {
        let units = &tracks["out"].units;
        let new = units[shown.len()..].iter();
        shown.extend(new.map(|unit| brightest(&unit.bytes)));
        shown.last().is_some_and(|brightest| *brightest > Some(100))
    });
    std::fs::remove_file(&file).expect("it was written");
    assert!(shown[0] < Some(60), "{shown:?}");
}
