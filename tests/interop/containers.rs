//! Every container through moq-relay.

use crate::{
    media::{Route, same_samples},
    relay::Relay,
};

#[test]
fn the_legacy_container_goes_through_the_relay() {
    goes_through("legacy");
}

#[test]
fn loc_goes_through_the_relay() {
    goes_through("loc");
}

#[test]
fn cmaf_goes_through_the_relay() {
    goes_through("cmaf");
}

fn goes_through(container: &str) {
    let relay = Relay::start();
    let route = Route::Relay(relay.url());
    let h264 = "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=25 ! h264parse \
                ! video/x-h264,stream-format=avc,alignment=au";
    same_samples(&route, container, h264, "avenc_aac ! aacparse");
    let vp9 = "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=25";
    same_samples(&route, container, vp9, "opusenc");
}
