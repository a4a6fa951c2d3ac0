//! What one peer can take of an element that listens, and what others notice of it.

use std::time::Instant;

use gst::prelude::*;
use gstmoq::{
    moq_lite::{
        ALPNS, Broadcast, BroadcastConsumer, Client, Origin, OriginConsumer, Session, Track,
    },
    net::{ConnectOptions, Error, Quic, Tls, WebSocket, connect},
};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{LIMIT, LISTEN, Publisher, Viewer, live_video};

/// A peer of its own, without an element.
async fn dial(port: u16) -> Result<gstmoq::net::Connected, Error> {
    let url = format!("https://127.0.0.1:{port}/");
    let options = ConnectOptions {
        url: url.parse().expect("it is a URL"),
        token: None,
        tls: Tls {
            disable_verify: true,
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
        websocket: WebSocket {
            enabled: false,
            ..WebSocket::default()
        },
    };
    connect(&options).await
}

/// A session that reads when it is told to.
async fn watch(port: u16) -> (Session, OriginConsumer) {
    let connected = dial(port).await.expect("it connects");
    let sees = Origin::produce();
    let client = Client::new().with_consume(sees.producer);
    let session = client.connect(connected.transport).await;
    (session.expect("it is let in"), sees.consumer)
}

async fn cam(sees: &mut OriginConsumer) -> BroadcastConsumer {
    let announced = timeout(LIMIT, sees.announced()).await;
    let (_, broadcast) = announced.expect("in time").expect("the session lasts");
    broadcast.expect("it is there")
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build()
        .expect("the system has a poller")
}

fn refused(publisher: &Publisher, field: &str) -> u64 {
    let stats = publisher
        .pipeline
        .element("sink")
        .property::<gst::Structure>("stats");
    let refused = stats.get::<gst::Structure>("refused");
    refused
        .map(|refused| refused.get(field))
        .expect("it is there")
        .expect("it is counted")
}

fn warning(publisher: &Publisher) -> String {
    let message = publisher.pipeline.message(&[gst::MessageType::Warning]);
    match message.expect("it is reported").view() {
        gst::MessageView::Warning(warning) => warning.error().message().to_owned(),
        _ => unreachable!("only warnings were asked for"),
    }
}

#[test]
fn five_hundred_attempts_at_once_are_refused_and_no_viewer_notices() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    // Both cores are busy with the handshakes of both sides: what counts is that nothing is lost, not when it comes.
    let viewer = Viewer::with(&format!(
        "moqsrc name=source url=http://127.0.0.1:{}/ broadcast=cam latency=5000",
        publisher.port
    ));
    viewer.record.wait_for_units("video_0", 30);
    let before = viewer.record.track("video_0").units.len();
    let begin = Instant::now();
    let connected = runtime().block_on(async {
        let mut attempts = JoinSet::new();
        for _ in 0..500 {
            attempts.spawn(dial(publisher.port));
        }
        let mut connected = 0_u32;
        while let Some(attempt) = attempts.join_next().await {
            connected += u32::from(attempt.expect("it does not panic").is_ok());
        }
        connected
    });
    // As many at once and in each second as the limit says, before and after they have shown that their address is their own.
    let most = 2.0 * 50.0 * (1.0 + begin.elapsed().as_secs_f64());
    assert!(f64::from(connected) <= most, "{connected} connected");
    assert!(refused(&publisher, "handshakes") > 0);
    assert_eq!(
        warning(&publisher),
        "Connections were refused: max-handshakes-per-address is 50 a second, and one address began more"
    );
    viewer.record.wait_for_units("video_0", before + 60);
    let units = viewer.record.track("video_0").units;
    assert!(units[before..].iter().all(|unit| !unit.discont));
    // Who comes later is let in.
    let late = publisher.viewer();
    late.record.wait_for_units("video_0", 10);
}

#[test]
fn a_viewer_that_stops_reading_holds_up_neither_another_nor_the_pipeline() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    let frozen = runtime();
    let _kept = frozen.block_on(async {
        let (session, mut sees) = watch(publisher.port).await;
        let broadcast = cam(&mut sees).await;
        let mut catalog = broadcast.subscribe_track(&Track::new("catalog.json"));
        let group = timeout(LIMIT, catalog.next_group()).await.expect("in time");
        let mut group = group.expect("it is served").expect("there is a group");
        let json = timeout(LIMIT, group.read_frame()).await.expect("in time");
        let json = json.expect("it is served").expect("there is a frame");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        let renditions = json["video"]["renditions"]
            .as_object()
            .expect("there is video");
        let name = renditions.keys().next().expect("there is one");
        let mut video = broadcast.subscribe_track(&Track::new(name.as_str()));
        let group = timeout(LIMIT, video.next_group()).await.expect("in time");
        group.expect("it is served").expect("there is a group");
        (session, sees, broadcast, video)
    });
    // From here on its runtime does nothing: it neither reads nor acknowledges.
    let viewer = publisher.viewer();
    viewer.record.wait_for_units("video_0", 120);
    let units = viewer.record.track("video_0").units;
    // On a busy machine a picture is late by tenths of a second; whoever waited for that peer would wait for its timeout.
    let most = gst::ClockTime::from_seconds(2);
    for unit in units.iter().filter(|unit| !unit.time.is_zero()) {
        let late = unit.arrival.saturating_sub(unit.time);
        assert!(late < most, "{late} late");
    }
    let sent = publisher.record.track("sink_0").units;
    for unit in &sent {
        let late = unit.arrival.saturating_sub(unit.time);
        assert!(late < most, "{late} late at the sink");
    }
}

#[test]
fn a_session_in_which_nothing_happens_ends() {
    let publisher = Publisher::new(&live_video(&format!("{LISTEN} max-idle-time=500")));
    publisher.play();
    let viewer = publisher.viewer();
    runtime().block_on(async {
        let connected = dial(publisher.port).await.expect("it connects");
        let session = Client::new()
            .connect(connected.transport)
            .await
            .expect("it is let in");
        let ended = timeout(LIMIT, session.closed()).await;
        ended.expect("in time").expect_err("it has ended");
    });
    assert_eq!(
        warning(&publisher),
        "A session from 127.0.0.1 was ended: nothing happened in it for max-idle-time"
    );
    assert_eq!(refused(&publisher, "idle"), 1);
    viewer.record.wait_for_units("video_0", 40);
    assert_eq!(refused(&publisher, "idle"), 1);
}

#[test]
fn a_session_has_no_more_subscriptions_than_the_limit() {
    let publisher = Publisher::new(&live_video(&format!("{LISTEN} max-subscriptions=4")));
    publisher.play();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build();
    let runtime = runtime.expect("the system has a thread");
    // It goes on while the report is waited for.
    let _kept = runtime.block_on(async {
        let (session, mut sees) = watch(publisher.port).await;
        let broadcast = cam(&mut sees).await;
        let mut catalog = broadcast.subscribe_track(&Track::new("catalog.json"));
        let group = timeout(LIMIT, catalog.next_group()).await.expect("in time");
        group.expect("it is served").expect("there is a group");
        let more = (0..8).map(|number| broadcast.subscribe_track(&Track::new(format!("{number}"))));
        (session, catalog, more.collect::<Vec<_>>())
    });
    assert_eq!(
        warning(&publisher),
        "A session from 127.0.0.1 wanted more subscriptions: max-subscriptions is 4"
    );
    assert!(refused(&publisher, "subscriptions") > 0);
}

#[test]
fn a_session_announces_no_more_broadcasts_than_the_limit() {
    let source = "moqsrc name=sink listen=127.0.0.1:0 broadcast=cam max-announcements=2";
    let publisher = Publisher::listening(source);
    runtime().block_on(async {
        let connected = dial(publisher.port).await.expect("it connects");
        let has = Origin::produce();
        let broadcasts: Vec<_> = (0..3)
            .map(|number| {
                let broadcast = Broadcast::produce();
                let path = format!("cam/{number}");
                assert!(has.producer.publish_broadcast(path, broadcast.consumer));
                broadcast.producer
            })
            .collect();
        let client = Client::new().with_publish(has.consumer);
        let session = client
            .connect(connected.transport)
            .await
            .expect("it is let in");
        let ended = timeout(LIMIT, session.closed()).await;
        ended.expect("in time").expect_err("it has ended");
        drop(broadcasts);
    });
    assert_eq!(
        warning(&publisher),
        "A session from 127.0.0.1 wanted more broadcasts: max-announcements is 2"
    );
    assert_eq!(refused(&publisher, "announcements"), 1);
}

#[test]
fn a_share_that_is_too_small_for_pictures_is_reported() {
    let publisher = Publisher::new(&live_video(&format!(
        "{LISTEN} max-bytes-in-flight=1048576"
    )));
    publisher.play();
    let viewers: Vec<_> = (0..3).map(|_| publisher.viewer()).collect();
    for viewer in &viewers {
        viewer.record.wait_for_units("video_0", 10);
    }
    assert_eq!(
        warning(&publisher),
        "There are so many sessions that each may have no more than 256 KiB under way: max-bytes-in-flight is 1048576, and \
         viewers far away may fall behind"
    );
    assert!(refused(&publisher, "bytes-in-flight") > 0);
}

#[test]
fn connections_for_http_beyond_the_share_of_an_address_are_reported() {
    let publisher = Publisher::new(&live_video(LISTEN));
    publisher.play();
    let open = || std::net::TcpStream::connect(("127.0.0.1", publisher.port));
    let held: Vec<_> = (0..40).map(|_| open().expect("it listens")).collect();
    assert_eq!(
        warning(&publisher),
        "Connections for HTTP were refused: one address had 32 open, which is the most"
    );
    assert!(refused(&publisher, "requests") > 0);
    drop(held);
}
