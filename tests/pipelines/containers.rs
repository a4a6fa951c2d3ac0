//! Every container from moqsink to moqsrc.

use crate::media::{Route, picture_in, same_samples};

const H264: &str = "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=25 ! h264parse \
     ! video/x-h264,stream-format=avc,alignment=au";
const AAC: &str = "avenc_aac ! aacparse";
const VP9: &str = "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=25";
const OPUS: &str = "opusenc";

#[test]
fn samples_in_the_legacy_container_arrive_as_they_are_and_in_step() {
    same_samples(&Route::Direct, "legacy", H264, AAC);
    same_samples(&Route::Direct, "legacy", VP9, OPUS);
}

#[test]
fn samples_in_loc_arrive_as_they_are_and_in_step() {
    same_samples(&Route::Direct, "loc", H264, AAC);
    same_samples(&Route::Direct, "loc", VP9, OPUS);
}

#[test]
fn samples_in_cmaf_arrive_as_they_are_and_in_step() {
    same_samples(&Route::Direct, "cmaf", H264, AAC);
    same_samples(&Route::Direct, "cmaf", VP9, OPUS);
}

#[test]
fn a_picture_of_a_byte_stream_arrives_in_every_container() {
    let h264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 \
                ! video/x-h264,stream-format=byte-stream";
    let h265 = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=1000 \
                ! h265parse ! video/x-h265,stream-format=byte-stream";
    for container in ["legacy", "loc", "cmaf"] {
        picture_in(&Route::Direct, container, h264);
        picture_in(&Route::Direct, container, h265);
    }
}
