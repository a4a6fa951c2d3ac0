//! Every container from moqsink to moqsrc.

use crate::media::{Route, data_in, lossless_in, picture_in, same_samples, text_in, tone_in};

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

/// Every codec of pictures, in the forms that the container has a place for; those of a byte-stream have a test of
/// their own.
fn pictures(container: &str) {
    let h264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! h264parse";
    let h265 =
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=1000 ! h265parse";
    for encoder in [
        format!("{h264} ! video/x-h264,stream-format=avc"),
        format!("{h264} ! video/x-h264,stream-format=avc3"),
        format!("{h265} ! video/x-h265,stream-format=hvc1"),
        format!("{h265} ! video/x-h265,stream-format=hev1"),
        "av1enc cpu-used=8 usage-profile=realtime lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000".into(),
        "vp8enc deadline=1 keyframe-max-dist=15 target-bitrate=1000000".into(),
        "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=15 target-bitrate=1000000".into(),
    ] {
        picture_in(&Route::Direct, container, &encoder);
    }
}

#[test]
fn pictures_of_every_codec_arrive_in_loc() {
    pictures("loc");
}

#[test]
fn pictures_of_every_codec_arrive_in_cmaf() {
    pictures("cmaf");
}

/// Every codec of sound.
fn sounds(container: &str) {
    for encoder in [
        "avenc_aac ! aacparse",
        "voaacenc ! audio/mpeg,stream-format=adts",
        "opusenc",
        "lamemp3enc",
    ] {
        tone_in(&Route::Direct, container, 2, encoder);
    }
    for encoder in ["flacenc", "audioconvert ! audio/x-raw,format=F32LE"] {
        lossless_in(&Route::Direct, container, encoder);
    }
}

#[test]
fn sound_of_every_codec_arrives_in_loc() {
    sounds("loc");
}

#[test]
fn sound_of_every_codec_arrives_in_cmaf() {
    sounds("cmaf");
}

/// Text and data, whatever container the element is told to use for the rest.
#[test]
fn text_and_data_arrive_beside_every_container() {
    for container in ["loc", "cmaf"] {
        for parser in ["subparse", "subparse ! webvttenc"] {
            text_in(&Route::Direct, container, parser);
        }
        for caps in ["meta/x-klv,parsed=true", "application/octet-stream"] {
            data_in(&Route::Direct, container, caps);
        }
    }
}
