//! Our client against moq-relay where no UDP gets through.

use crate::{
    blocked::TcpOnly,
    relay::Relay,
    transport::{Peer, options, peer, peer_with, reads_frames, within},
    versions::{EVERY, Forced, print_row},
};
use gstmoq::{
    moq_lite::{ALPNS, Client, Track},
    net::{Carrier, Kind, WebSocket, connect},
};

#[tokio::test]
async fn a_websocket_carries_every_version_both_ways() {
    let mut relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    for version in EVERY {
        let publisher = peer_in(&blocked, version).await;
        let mut broadcast = publisher.has.create_broadcast(version.name).unwrap();
        let mut track = broadcast.create_track(Track::new("video"));
        track.write_frame("keyframe").unwrap();
        let mut viewer = peer(&relay.url()).await;
        assert_eq!(viewer.carrier, Carrier::WebTransport);
        reads_frames(&mut viewer, version.name, &mut track).await;

        track.write_frame("keyframe").unwrap();
        let mut viewer = peer_in(&blocked, version).await;
        reads_frames(&mut viewer, version.name, &mut track).await;
    }
    print_row("moq-relay between ours", "websocket", &EVERY);
    // Two by WebSocket for each version.
    relay.wait_for_log(" ws{id=13 ");
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
    through(blocked, protocols, Client::new()).await
}

/// Connects through it and speaks this version or none.
async fn peer_in(blocked: &TcpOnly, version: Forced) -> Peer {
    let client = Client::new().with_versions([version.number]);
    let peer = through(blocked, &[version.protocol], client).await;
    assert_eq!(peer.session.version_name(), version.name);
    peer
}

async fn through(blocked: &TcpOnly, protocols: &[&'static str], client: Client) -> Peer {
    let peer = peer_with(&blocked.url(), protocols, WebSocket::default(), client).await;
    assert_eq!(peer.carrier, Carrier::WebSocket);
    peer
}
