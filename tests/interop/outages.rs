//! A relay that is killed and started again under a running sink.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gstmoq::moq_lite::Track;

use crate::{
    relay::Relay,
    support::{Pipeline, live_video},
    transport::{Peer, peer, within},
    waiting::wait_until,
};

/// The number of the next group of the broadcast that the relay has anew.
async fn next_group(viewer: &mut Peer) -> u64 {
    let broadcast = loop {
        let (path, broadcast) = within(viewer.sees.announced()).await.expect("the relay");
        if let Some(broadcast) = broadcast.filter(|_| path.as_str() == "cam") {
            break broadcast;
        }
    };
    let mut track = broadcast.subscribe_track(&Track::new("video0"));
    let group = within(track.recv_group()).await.expect("no error");
    let mut group = group.expect("a group");
    let frame = within(group.read_frame()).await.expect("no error");
    assert!(frame.is_some_and(|frame| !frame.is_empty()));
    group.info.sequence
}

fn sessions(sink: &gst::Element) -> u64 {
    let stats: gst::Structure = sink.property("stats");
    stats.get("sessions-total").expect("a counter")
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

/// When QUIC alone would notice.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
