//! How sessions end.

use gstmoq::moq_lite::{Client, Error, Track, lite::Version};
use web_transport_trait::{SendStream as _, Session as _};

use super::peer::{Peer, announced, gone, over, pair, send_all, subscribed};
use crate::{
    assert_err,
    common::{
        now,
        transport::{self, Config, Ending, Side},
        within,
    },
};

fn closed(by: Side, code: u32, reason: &str) -> Ending {
    Ending::Closed {
        by,
        code,
        reason: reason.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_session_closes_the_transport_in_order() {
    let pair = pair(Config::default()).await;
    drop(pair.client.session);
    assert_eq!(pair.link.end(), Some(closed(Side::Client, 0, "")));
    assert_err!(within(pair.server.session.closed()).await, Error::Cancel);
}

#[tokio::test(start_paused = true)]
async fn closing_a_session_tells_the_peer_why() {
    let pair = pair(Config::default()).await;
    pair.server.session.close(Error::App(5));
    assert_eq!(
        pair.link.end(),
        Some(closed(Side::Server, 69, "app code=5"))
    );
    let result = within(pair.client.session.closed()).await;
    assert_err!(result, Error::Transport(_));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_connection_breaks_ends_with_its_broadcasts_and_tracks() {
    let pair = pair(Config::default()).await;
    let mut camera = pair.server.publish.create_broadcast("cam").unwrap();
    let mut sent = camera.create_track(Track::new("video"));
    let mut group = sent.append_group().unwrap();
    group.write_frame("a").unwrap();
    let broadcast = announced(&pair.client.consume, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let mut received = within(track.recv_group()).await.unwrap().unwrap();
    assert_eq!(within(received.read_frame()).await.unwrap().unwrap(), "a");
    assert!(now(pair.client.session.closed()).is_none());
    pair.link.cut();
    for session in [&pair.client.session, &pair.server.session] {
        assert_err!(within(session.closed()).await, Error::Transport(_));
    }
    within(broadcast.closed()).await;
    gone(&pair.client.consume, "cam").await;
    assert!(within(received.read_frame()).await.is_err());
    assert!(within(track.recv_group()).await.is_err());
    // The publisher's own broadcast is none of the session's.
    assert!(now(camera.consume().closed()).is_none());
    within(sent.unused()).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_leaves_nothing_in_the_origins() {
    let pair = pair(Config::default()).await;
    let _here = pair.client.publish.create_broadcast("here").unwrap();
    let _there = pair.server.publish.create_broadcast("there").unwrap();
    announced(&pair.server.consume, "here").await;
    let there = announced(&pair.client.consume, "there").await;
    drop(pair.client.session);
    within(there.closed()).await;
    within(pair.server.session.closed()).await.unwrap_err();
    gone(&pair.server.consume, "here").await;
    assert!(
        pair.client
            .publish
            .consume()
            .consume_broadcast("here")
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_setup_stream_ends_the_session() {
    for version in [Version::Draft01, Version::Draft02] {
        let (session, _origin, mut peer, _announce) = Peer::server(version, &[]).await;
        let (mut send, _recv) = peer.setup.take().unwrap();
        // What it may carry until then is looked at and no more.
        send_all(&mut send, &[4, 0x80, 0x3d, 0x09, 0x00, 1, 0]).await;
        assert!(now(session.closed()).is_none());
        send.finish().unwrap();
        assert_err!(within(session.closed()).await, Error::Cancel);
        assert_eq!(peer.link.ended().await, closed(Side::Client, 0, ""));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_in_order_is_no_failure() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, ..) = subscribed(&origin, &peer).await;
    peer.transport.close(0, "");
    assert_err!(within(session.closed()).await, Error::Cancel);
    assert!(within(track.recv_group()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_reason_that_follows_the_end_of_the_setup_stream_counts() {
    let (session, _origin, mut peer, _announce) = Peer::server(Version::Draft02, &[]).await;
    let (mut send, _recv) = peer.setup.take().unwrap();
    send.finish().unwrap();
    assert!(now(session.closed()).is_none());
    peer.transport.close(2, "unauthorized");
    assert_err!(within(session.closed()).await, Error::Unauthorized);

    // So it is before there is a session.
    let (client, server, _link) = transport::connect(over(Config::default(), Version::Draft02));
    let refusing = async {
        let (mut send, _recv) = server.accept_bi().await.unwrap();
        send.finish().unwrap();
        tokio::task::yield_now().await;
        server.close(2, "unauthorized");
    };
    let connecting = Client::new();
    let (result, ()) = within(async { tokio::join!(connecting.connect(client), refusing) }).await;
    assert_err!(result.map(|_| ()), Error::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_refuses_the_token_is_said_to() {
    let (session, _origin, peer, _announce) = Peer::server(Version::Draft02, &[]).await;
    peer.transport.close(6, "unauthorized");
    assert_err!(within(session.closed()).await, Error::Unauthorized);
}
