//! A network that carries less than what is produced, and later carries it again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use gst::prelude::*;

use crate::{
    link::{Conditions, Link},
    support::{Publisher, Viewer},
    waiting::wait_until,
};

/// 30 pictures a second of noise, which takes every bit that there is; groups of half a second.
fn noise(kbits: u32, sink: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! x264enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate={kbits} \
         ! queue name=queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! {sink}"
    )
}

/// A way to the publisher on which so many bits per second come back.
fn narrow(publisher: &Publisher, rate: u64) -> Link {
    let conditions = Conditions {
        rate: Some(rate),
        delay: Duration::from_millis(5),
        ..Conditions::default()
    };
    Link::new(publisher.port, conditions)
}

fn through(link: &Link) -> Viewer {
    Viewer::with(&format!(
        "moqsrc name=source url=https://127.0.0.1:{}/ tls-disable-verify=true websocket=false \
         broadcast=cam",
        link.port
    ))
}

fn stat(publisher: &Publisher, name: &str) -> u64 {
    let sink = publisher.pipeline.element("sink");
    let stats: gst::Structure = sink.property("stats");
    stats.get(name).expect("a counter")
}

#[test]
fn a_slow_network_costs_whole_groups_and_holds_nothing_up() {
    let publisher = Publisher::new(&noise(
        3_000,
        "moqsink name=sink listen=127.0.0.1:0 broadcast=cam sink_0::max-latency=500",
    ));
    let input = publisher.pipeline.element("sink").sink_pads().remove(0);
    let congested = Arc::new(AtomicBool::new(false));
    let seen = congested.clone();
    input.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && let gst::EventView::Qos(qos) = event.view()
            && qos.get().0 == gst::QOSType::Overflow
        {
            seen.store(true, Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    let longest = Arc::new(AtomicU64::new(0));
    let most = longest.clone();
    let queue = publisher.pipeline.element("queue");
    input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let waiting: u64 = queue.property("current-level-time");
        most.fetch_max(waiting, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    let link = narrow(&publisher, 600_000);
    let viewer = through(&link);
    publisher.play();

    wait_until("groups that are too late", || {
        stat(&publisher, "groups-late") >= 5
    });
    wait_until("QoS", || congested.load(Ordering::Relaxed));
    let warning = publisher
        .pipeline
        .message(&[gst::MessageType::Warning, gst::MessageType::Error]);
    match warning.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Warning(warning)) => {
            let text = warning.error().to_string();
            assert!(text.contains("The network is too slow"), "{text}");
        }
        other => panic!("no warning: {other:?}"),
    }
    // Nothing piles up in front of the sink; the limit leaves room for a machine that is busy.
    let longest = Duration::from_nanos(longest.load(Ordering::Relaxed));
    assert!(longest < Duration::from_secs(2), "{longest:?} held up");

    // A viewer that missed something goes on with a keyframe.
    let so_far = viewer.record.track("video_0").units.len();
    viewer.record.wait_for_units("video_0", so_far + 15);
    let (sent, got) = (
        publisher.record.track("sink_0").units,
        viewer.record.track("video_0").units,
    );
    let (mut next, mut missed) = (0, 0);
    for unit in &got {
        let found = sent[next..]
            .iter()
            .position(|sent| sent.bytes == unit.bytes);
        let skipped = found.expect("it was sent, in this order");
        if skipped > 0 && next > 0 {
            missed += 1;
            assert!(
                unit.keyframe,
                "{skipped} units are missing before a part of a group"
            );
        }
        next += skipped + 1;
    }
    assert!(missed > 0, "{} of {} units", got.len(), sent.len());
}

#[test]
fn an_encoder_follows_the_network_down_and_up_again() {
    let publisher = Publisher::new(&noise(
        2_000,
        "moqsink name=sink listen=127.0.0.1:0 broadcast=cam bitrate-adaptation=true \
         min-bitrate=100000 max-bitrate=2000000",
    ));
    let encoder = publisher.pipeline.element("encoder");
    let rate = || encoder.property::<u32>("bitrate");
    let link = narrow(&publisher, 600_000);
    let viewer = through(&link);
    publisher.play();
    viewer.record.wait_for_units("video_0", 1);
    wait_until("fewer bits", || rate() <= 600);
    link.conditions().rate = None;
    wait_until("more bits", || rate() >= 1_500);
    let so_far = viewer.record.track("video_0").units.len();
    viewer.record.wait_for_units("video_0", so_far + 30);
}
