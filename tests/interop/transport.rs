//! Our client against moq-relay.

use std::{future::Future, time::Duration};

use gstmoq::{
    moq_lite::{Client, Origin, OriginConsumer, OriginProducer, Session, Track, TrackProducer},
    net::{ConnectOptions, Quic, Tls, connect},
};
use url::Url;

use crate::relay::Relay;

async fn within<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, future)
        .await
        .expect("it takes too long")
}

/// A session with the relay, what it sees and what it offers.
struct Peer {
    session: Session,
    sees: OriginConsumer,
    has: OriginProducer,
}

async fn peer(url: &str) -> Peer {
    let options = ConnectOptions {
        url: Url::parse(url).unwrap(),
        token: None,
        tls: Tls {
            disable_verify: url.starts_with("mo"),
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: vec!["moql"],
    };
    let (has, sees) = (Origin::produce(), Origin::produce());
    let connected = within(connect(&options)).await.unwrap();
    let client = Client::new()
        .with_publish(has.consumer)
        .with_consume(sees.producer);
    Peer {
        session: within(client.connect(connected.transport)).await.unwrap(),
        sees: sees.consumer,
        has: has.producer,
    }
}

async fn reads_frames(viewer: &mut Peer, path: &str, track: &mut TrackProducer) {
    let remote = loop {
        let (found, broadcast) = within(viewer.sees.announced()).await.unwrap();
        if found.as_str() == path {
            break broadcast.unwrap();
        }
    };
    let mut reader = remote.subscribe_track(&Track::new("video"));
    let mut group = within(reader.recv_group()).await.unwrap().unwrap();
    assert_eq!(
        within(group.read_frame()).await.unwrap().unwrap(),
        "keyframe"
    );
    let mut next = track.append_group().unwrap();
    next.write_frame("next").unwrap();
    next.close();
    let mut group = within(reader.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(group.read_frame()).await.unwrap().unwrap(), "next");
}

#[tokio::test]
async fn the_relay_carries_frames_in_both_orders_of_starting() {
    let mut relay = Relay::start();
    let mut early = peer(&relay.url()).await;
    let publisher = peer(&relay.url()).await;
    let mut broadcast = publisher.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    reads_frames(&mut early, "cam", &mut track).await;

    track.write_frame("keyframe").unwrap();
    let mut late = peer(&relay.url()).await;
    reads_frames(&mut late, "cam", &mut track).await;
    relay.wait_for_log("moq-lite-02");
    assert_eq!(publisher.session.version_name(), "moq-lite-02");
}

#[tokio::test]
async fn the_relay_carries_the_end_of_a_track() {
    let relay = Relay::start();
    let publisher = peer(&relay.url()).await;
    let mut viewer = peer(&relay.url()).await;
    let mut broadcast = publisher.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    let (_, remote) = within(viewer.sees.announced()).await.unwrap();
    let mut reader = remote.unwrap().subscribe_track(&Track::new("video"));
    within(reader.recv_group()).await.unwrap().unwrap();
    track.write_frame("last").unwrap();
    let unused = track.unused();
    track.close();
    let mut last = within(reader.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(last.read_frame()).await.unwrap().unwrap(), "last");
    assert!(within(reader.recv_group()).await.unwrap().is_none());
    within(unused).await;
}

#[tokio::test]
async fn raw_quic_reaches_the_relay_with_whole_paths() {
    let relay = Relay::start();
    let publisher = peer(&format!("moqt://127.0.0.1:{}", relay.port)).await;
    let mut viewer = peer(&relay.url()).await;
    let mut broadcast = publisher.has.create_broadcast("anon/cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    reads_frames(&mut viewer, "cam", &mut track).await;
}
