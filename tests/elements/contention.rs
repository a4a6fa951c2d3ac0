//! Applications that look at the element all the time.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};

use crate::support::{LIMIT, Sink, Viewer};

const OPUS: &str = "audio/x-opus,channels=2,channel-mapping-family=0";
const PACKETS: u64 = 2_000;

/// Reads every property, `stats` among them.
fn read_all(object: &impl IsA<glib::Object>) {
    for property in object.list_properties() {
        if property.flags().contains(glib::ParamFlags::READABLE) {
            object.property_value(property.name());
        }
    }
}

#[test]
fn who_reads_properties_without_end_does_not_hold_up_the_stream() {
    let sink = Sink::listening();
    sink.element.set_property("sync", false);
    sink.set_state(gst::State::Playing);
    let feed = sink.feed(OPUS);
    feed.push(Some(0), b"first").expect("it is published");
    let viewer = Viewer::new(&sink);
    let _track = viewer.subscribe("audio0");
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut longest = Duration::ZERO;
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && begin.elapsed() < LIMIT {
                    read_all(&sink.element);
                    read_all(&feed.sink);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 1..PACKETS {
            let begin = Instant::now();
            let pushed = feed.push(Some(number * 20), b"packet");
            longest = longest.max(begin.elapsed());
            if pushed.is_err() {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(sink.stat("frames"), PACKETS);
    assert!(reads.load(Ordering::Relaxed) > 0);
    // A turn of the scheduler, many times over; readers that have the lock for good would take all the time.
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}
