//! A relay that is killed and started again under a running sink, and one to which the way is too narrow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstmoq::moq_lite::{BroadcastConsumer, Track};

use crate::{
    link::{Conditions, Link},
    relay::Relay,
    support::{Pipeline, live_video},
    transport::{Peer, peer, within},
    waiting::{LIMIT, wait_until},
};

/// The broadcast, once the relay has it.
async fn found(viewer: &mut Peer) -> BroadcastConsumer {
    loop {
        let (path, broadcast) = within(viewer.sees.announced()).await.expect("the relay");
        if let Some(broadcast) = broadcast.filter(|_| path.as_str() == "cam") {
            return broadcast;
        }
    }
}

/// The number of the next group of the broadcast that the relay has anew.
async fn next_group(viewer: &mut Peer) -> u64 {
    let broadcast = found(viewer).await;
    let mut track = broadcast.subscribe_track(&Track::new("video0"));
    let group = within(track.recv_group()).await.expect("no error");
    let mut group = group.expect("a group");
    let frame = within(group.read_frame()).await.expect("no error");
    assert!(frame.is_some_and(|frame| !frame.is_empty()));
    group.info.sequence
}

fn stat(sink: &gst::Element, name: &str) -> u64 {
    let stats: gst::Structure = sink.property("stats");
    stats.get(name).expect("a counter")
}

fn sessions(sink: &gst::Element) -> u64 {
    stat(sink, "sessions-total")
}

/// How long the sink takes to notice that the relay is another one, and to connect to it.
#[track_caller]
fn reconnects(sink: &gst::Element, before: u64, killed: Instant) -> Duration {
    wait_until("it connects again", || sessions(sink) != before);
    killed.elapsed()
}

#[test]
fn a_relay_that_is_killed_three_times_is_found_long_before_the_idle_timeout_and_groups_count_on() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut relay = Relay::start();
    let (port, url) = (relay.port, relay.url());
    let sink = format!("moqsink name=sink url={url} broadcast=cam");
    let publisher = Pipeline::launch(&live_video(&sink));
    let sink = publisher.element("sink");
    publisher.set_state(gst::State::Playing);
    let mut newest = runtime.block_on(async { next_group(&mut peer(&url).await).await });
    for round in 0..3 {
        let before = sessions(&sink);
        let killed = Instant::now();
        // SIGKILL: nobody is told.
        drop(relay);
        relay = Relay::start_at(port);
        let took = reconnects(&sink, before, killed);
        assert!(took < IDLE_TIMEOUT * 3 / 4, "round {round}: {took:?}");
        let sequence = runtime.block_on(async { next_group(&mut peer(&url).await).await });
        assert!(sequence > newest, "{sequence} after {newest}");
        newest = sequence;
    }
}

#[test]
fn a_narrow_way_to_the_relay_costs_whole_groups_and_holds_nothing_up() {
    let relay = Relay::start();
    let narrow = Conditions {
        upload: Some(600_000),
        delay: Duration::from_millis(5),
        ..Conditions::default()
    };
    let link = Link::new(relay.port, narrow);
    // Noise takes every bit that there is.
    let publisher = Pipeline::launch(&format!(
        "videotestsrc is-live=true pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=3000 \
         ! queue name=queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 \
         ! moqsink name=sink url=https://127.0.0.1:{}/anon tls-disable-verify=true websocket=false broadcast=cam \
         sink_0::max-latency=500",
        link.port
    ));
    let (sink, queue) = (publisher.element("sink"), publisher.element("queue"));
    let longest = Arc::new(AtomicU64::new(0));
    let most = longest.clone();
    sink.sink_pads()[0].add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        most.fetch_max(queue.property("current-level-time"), Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    publisher.set_state(gst::State::Playing);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = relay.url();
    let (sender, numbers) = mpsc::channel();
    let reading = runtime.spawn(async move {
        let mut viewer = peer(&url).await;
        let broadcast = found(&mut viewer).await;
        let mut track = broadcast.subscribe_track(&Track::new("video0"));
        while let Ok(Some(group)) = track.next_group().await {
            if sender.send(group.info.sequence).is_err() {
                break;
            }
        }
    });
    // The first warning is that the certificate is not verified.
    let told = (0..2).map(|_| {
        let message = publisher.message(&[gst::MessageType::Warning, gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Warning(warning)) => warning.error().to_string(),
            other => panic!("no warning but {other:?}; {:?}", stat(&sink, "groups")),
        }
    });
    let told: Vec<_> = told.collect();
    assert!(told[1].contains("The network is too slow"), "{told:?}");
    assert!(stat(&sink, "groups-late") > 0);
    // What comes goes on.
    let mut sequences: Vec<u64> = numbers.try_iter().collect();
    for _ in 0..3 {
        sequences.push(numbers.recv_timeout(LIMIT).expect("it goes on"));
    }
    reading.abort();
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
    // Nothing piles up in front of the sink; the limit leaves room for a machine that is busy.
    let longest = Duration::from_nanos(longest.load(Ordering::Relaxed));
    assert!(longest < Duration::from_secs(2), "{longest:?} held up");
}

/// When QUIC alone would notice.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
