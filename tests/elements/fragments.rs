//! Fragmented MP4 in the container `cmaf`.

use gst::prelude::*;

use crate::{
    fmp4::{self, boxed, full, words},
    support::{Sink, Viewer},
};

fn push(feed: &gst::Pad, bytes: Vec<u8>, pts: u64) {
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let times = buffer.get_mut().expect("it is new");
    times.set_pts(gst::ClockTime::from_mseconds(pts));
    feed.push(buffer).expect("it is published");
}

#[test]
fn a_fragment_goes_out_as_it_came_at_the_running_time() {
    let sink = Sink::listening();
    sink.element.set_property_from_str("container", "cmaf");
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed("video/quicktime,variant=cmaf").pad;
    let movie = fmp4::Track::new(1, 1_000, fmp4::avc1());
    push(&feed, fmp4::header(&[movie]), 5_000);
    let event = full("emsg", 0, 0, &[b"urn:x\0\0", &words(&[1, 0, 1, 1])]);
    let made = |time| fmp4::fragment(1, time, 40, &[(b"key", true), (b"delta", false)]);
    push(&feed, [event.clone(), made(70_000)].concat(), 5_000);
    let viewer = Viewer::new(&sink);
    let mut track = viewer.subscribe("video0");
    let first = viewer.frame(&mut track);
    assert_eq!(first, [event, made(5_000)].concat());
    push(&feed, [boxed("free", &[]), made(70_080)].concat(), 5_080);
    assert_eq!(viewer.frame(&mut track), made(5_080));
    assert_eq!(sink.stat("frames"), 4);
    // Who plays them has to wait for a whole one.
    let video = viewer.catalog().video.expect("pictures").renditions;
    assert_eq!(video["video0"].common.jitter, Some(80));
}
