//! Every codec through moq-relay.

use crate::{
    media::{Route, data, lossless, picture, text, tone},
    relay::Relay,
};

#[test]
fn pictures_of_every_codec_go_through_the_relay() {
    let relay = Relay::start();
    let route = Route::Relay(relay.url());
    for encoder in [
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! video/x-h264,stream-format=avc",
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=1000",
        "av1enc cpu-used=8 usage-profile=realtime lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000",
        "vp8enc deadline=1 keyframe-max-dist=15 target-bitrate=1000000",
        "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000000",
    ] {
        picture(&route, encoder);
    }
}

#[test]
fn sound_of_every_codec_goes_through_the_relay() {
    let relay = Relay::start();
    let route = Route::Relay(relay.url());
    for encoder in [
        "avenc_aac ! aacparse",
        "voaacenc ! audio/mpeg,stream-format=adts",
        "opusenc",
        "lamemp3enc",
        "avenc_ac3 ! ac3parse",
    ] {
        tone(&route, 2, encoder);
    }
    lossless(&route, "flacenc");
    lossless(&route, "identity");
}

#[test]
fn text_and_data_go_through_the_relay() {
    let relay = Relay::start();
    let route = Route::Relay(relay.url());
    text(&route, "subparse");
    text(&route, "subparse ! webvttenc");
    data(&route, "meta/x-klv,parsed=true");
    data(&route, "application/octet-stream");
}
