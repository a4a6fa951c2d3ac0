//! Our client against moq-relay where no UDP gets through.

use crate::{
    blocked::TcpOnly,
    relay::Relay,
    transport::{Peer, options, peer, peer_with, reads_frames, within},
};
use gstmoq::{
    moq_lite::{ALPNS, Track},
    net::{Carrier, Kind, WebSocket, connect},
};

#[tokio::test]
async fn a_websocket_carries_every_version_both_ways() {
    let mut relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    for (protocol, version) in [
        ("moq-lite-06", "moq-lite-06"),
        ("moq-lite-05", "moq-lite-05"),
        ("moq-lite-04", "moq-lite-04"),
        ("moq-lite-03", "moq-lite-03"),
        ("moql", "moq-lite-02"),
    ] {
        let publisher = peer_behind(&blocked, &[protocol]).await;
        assert_eq!(publisher.session.version_name(), version);
        let mut broadcast = publisher.has.create_broadcast(version).unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        track.write_frame("keyframe").unwrap();
        let mut viewer = peer(&relay.url()).await;
        assert_eq!(viewer.carrier, Carrier::WebTransport);
        reads_frames(&mut viewer, version, &mut track).await;

        track.write_frame("keyframe").unwrap();
        let mut viewer = peer_behind(&blocked, &[protocol]).await;
        reads_frames(&mut viewer, version, &mut track).await;
    }
    relay.wait_for_log(" ws{id=9 ");
}

#[tokio::test]
async fn of_all_versions_a_websocket_has_the_newest() {
    let relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    let peer = peer_behind(&blocked, &ALPNS).await;
    assert_eq!(peer.session.version_name(), "moq-lite-06");
}

#[tokio::test]
async fn a_large_frame_crosses_the_relay_by_websocket() {
    let relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    let publisher = peer_behind(&blocked, &ALPNS).await;
    let mut viewer = peer_behind(&blocked, &ALPNS).await;
    let mut broadcast = publisher.has.create_broadcast("cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    let frame: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    track.write_frame(frame.clone()).unwrap();
    let (_, remote) = within(viewer.sees.announced()).await.unwrap();
    let mut reader = remote.unwrap().subscribe_track(&Track::new("video"));
    let mut group = within(reader.recv_group()).await.unwrap().unwrap();
    let arrived = within(group.read_frame()).await.unwrap().unwrap();
    assert!(arrived == frame, "{} bytes", arrived.len());
}

#[tokio::test]
async fn a_path_that_is_closed_to_the_public_is_refused_by_status() {
    let relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    let url = blocked.url().replace("/anon", "/private");
    let error = within(connect(&options(&url, &ALPNS, WebSocket::default()))).await;
    assert_eq!(error.unwrap_err().kind(), Kind::NotAuthorized);
}

/// Connects through it.
async fn peer_behind(blocked: &TcpOnly, protocols: &[&'static str]) -> Peer {
    let peer = peer_with(&blocked.url(), protocols, WebSocket::default()).await;
    assert_eq!(peer.carrier, Carrier::WebSocket);
    peer
}
