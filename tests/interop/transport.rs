//! Our client against moq-relay.

use gstmoq::{
    moq_lite::{
        ALPNS, Client, Origin, OriginConsumer, OriginProducer, Session, Track, TrackConsumer,
        TrackProducer, carries_path,
    },
    net::{Carrier, ConnectOptions, Quic, Tls, WebSocket, connect},
};
use url::Url;

pub(crate) use crate::waiting::within;
use crate::{
    relay::Relay,
    versions::{EVERY, Forced, print_row},
    waiting::eventually,
};

/// A session with the relay, what it sees and what it offers.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) carrier: Carrier,
    pub(crate) sees: OriginConsumer,
    pub(crate) has: OriginProducer,
}

pub(crate) async fn peer(url: &str) -> Peer {
    peer_over(url, &ALPNS).await
}

/// Offers only these protocols.
async fn peer_over(url: &str, protocols: &[&'static str]) -> Peer {
    peer_with(url, protocols, QUIC_ONLY, Client::new()).await
}

/// Speaks this version or none.
async fn peer_in(url: &str, version: Forced) -> Peer {
    let client = Client::new().with_versions([version.number]);
    let peer = peer_with(url, &[version.protocol], QUIC_ONLY, client).await;
    assert_eq!(peer.session.version_name(), version.name);
    peer
}

const QUIC_ONLY: WebSocket = WebSocket {
    enabled: false,
    head_start: std::time::Duration::ZERO,
};

pub(crate) fn options(
    url: &str,
    protocols: &[&'static str],
    websocket: WebSocket,
) -> ConnectOptions {
    ConnectOptions {
        url: Url::parse(url).unwrap(),
        token: None,
        tls: Tls {
            disable_verify: !url.starts_with("http:"),
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: protocols.to_vec(),
        websocket,
    }
}

pub(crate) async fn peer_with(
    url: &str,
    protocols: &[&'static str],
    websocket: WebSocket,
    client: Client,
) -> Peer {
    let options = options(url, protocols, websocket);
    let (has, sees) = (Origin::produce(), Origin::produce());
    let connected = within(connect(&options)).await.unwrap();
    let carrier = connected.transport.carrier();
    let protocol = web_transport_trait::Session::protocol(&connected.transport);
    let client = client
        .with_publish(has.consumer)
        .with_consume(sees.producer)
        .with_path(connected.ask(carries_path(protocol)).unwrap());
    Peer {
        session: within(client.connect(connected.transport)).await.unwrap(),
        carrier,
        sees: sees.consumer,
        has: has.producer,
    }
}

pub(crate) async fn reads_frames(viewer: &mut Peer, path: &str, track: &mut TrackProducer) {
    let remote = loop {
        let (found, broadcast) = within(viewer.sees.announced()).await.unwrap();
        if found.as_str() == path {
            break broadcast.unwrap();
        }
    };
    let mut reader = remote.subscribe_track(&Track::new("video"));
    reads(&mut reader, "keyframe").await;
    let mut next = track.append_group().unwrap();
    next.write_frame("next").unwrap();
    next.close();
    reads(&mut reader, "next").await;
}

/// Reads groups until one has this frame; the relay may still have older ones.
async fn reads(reader: &mut TrackConsumer, frame: &str) {
    loop {
        let mut group = within(reader.recv_group()).await.unwrap().unwrap();
        if within(group.read_frame()).await.unwrap().unwrap() == frame {
            return;
        }
    }
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
    relay.wait_for_log("moq-lite-06");
    assert_eq!(publisher.session.version_name(), "moq-lite-06");
    assert_eq!(publisher.carrier, Carrier::WebTransport);
    // The relay says how much it could send.
    eventually("it is told", async || {
        late.session.stats().receive_rate.is_some()
    })
    .await;
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
async fn the_relay_carries_frames_in_every_version_over_either_binding() {
    let mut relay = Relay::start();
    let mut cases = tokio::task::JoinSet::new();
    for version in EVERY {
        for scheme in ["http", "moqt"] {
            cases.spawn(carries(relay.port, scheme, version));
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
    for version in EVERY {
        relay.wait_for_log(version.name);
    }
    for binding in ["webtransport", "quic"] {
        print_row("moq-relay between ours", binding, &EVERY);
    }
}

async fn carries(port: u16, scheme: &str, version: Forced) {
    let url = format!("{scheme}://127.0.0.1:{port}/anon");
    // Where the path has no place the relay's root is empty.
    let rooted = scheme == "http" || carries_path(Some(version.protocol));
    let prefix = if rooted { "" } else { "anon/" };
    let name = format!("{scheme}-{}", version.name);
    let path = format!("{prefix}{name}");
    let publisher = peer_in(&url, version).await;
    let mut broadcast = publisher.has.create_broadcast(path.as_str()).unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    let mut same = peer_in(&url, version).await;
    reads_frames(&mut same, &path, &mut track).await;
    // The relay serves the newest version from this one.
    track.write_frame("keyframe").unwrap();
    let mut newest = peer(&format!("http://127.0.0.1:{port}/anon")).await;
    reads_frames(&mut newest, &name, &mut track).await;
    // Up to 04 the relay passes the end on only after five seconds.
    ends(same, &path, track).await;
}

/// A track that is read when it ends is read to its end.
async fn ends(viewer: Peer, path: &str, mut track: TrackProducer) {
    let remote = viewer.sees.consume_broadcast(path).unwrap();
    let mut reader = remote.subscribe_track(&Track::new("video"));
    within(reader.recv_group()).await.unwrap().unwrap();
    track.write_frame("last").unwrap();
    track.close();
    while let Some(mut group) = within(reader.recv_group()).await.unwrap() {
        let last = within(group.read_frame()).await.unwrap();
        assert!(last.is_some());
    }
}

#[tokio::test]
async fn raw_quic_reaches_the_relay_with_whole_paths() {
    let relay = Relay::start();
    let url = format!("moqt://127.0.0.1:{}", relay.port);
    let publisher = peer_over(&url, &["moql"]).await;
    let mut viewer = peer(&relay.url()).await;
    let mut broadcast = publisher.has.create_broadcast("anon/cam").unwrap();
    let mut track = broadcast.create_track(Track::new("video"));
    track.write_frame("keyframe").unwrap();
    reads_frames(&mut viewer, "cam", &mut track).await;
}
