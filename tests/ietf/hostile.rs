//! Peers that do what they must not.

use bytes::Bytes;
use gstmoq::moq_lite::{Origin, Path, Track, ietf::*};

use crate::{
    common::{
        transport::{Ending, Side},
        within,
    },
    peer::{Peer, announced, ok, subscribe},
};

/// The code with which our server closed.
async fn code(peer: &Peer) -> u32 {
    match within(peer.link.ended()).await {
        Ending::Closed {
            by: Side::Server,
            code,
            ..
        } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_draft_forbids_ends_the_session_with_a_protocol_violation() {
    let cases: &[&[u8]] = &[
        // An unknown message; a body that is too long; a truncated one.
        b"\x3f\x00\x00",
        b"\x0a\x00\x02\x00\x00",
        b"\x0a\x00\x00",
        // A filter that does not exist; flags that are none.
        b"\x03\x00\x0a\x00\x01\x01a\x01b\x80\x00\x01\x09",
        b"\x03\x00\x0b\x00\x01\x01a\x01b\x80\x00\x02\x01\x00",
        // A request with a number of the other side; one beyond the limit.
        b"\x06\x00\x05\x01\x01\x01a\x00",
        b"\x06\x00\x08\xbf\xff\xff\xfe\x01\x01a\x00",
        // The limit shrinks.
        b"\x15\x00\x01\x05",
        // Two GOAWAYs.
        b"\x10\x00\x01\x00\x10\x00\x01\x00",
        // A number twice.
        b"\x06\x00\x05\x00\x01\x01a\x00\x06\x00\x05\x00\x01\x01b\x00",
    ];
    for case in cases {
        let (_session, mut peer) = Peer::client(Origin::produce().consumer).await;
        peer.writer
            .write_chunk(Bytes::from_static(case))
            .await
            .unwrap();
        assert_eq!(code(&peer).await, 3, "{case:x?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_control_stream_ends_the_session() {
    let (_session, mut peer) = Peer::client(Origin::produce().consumer).await;
    peer.writer.finish().unwrap();
    assert_eq!(code(&peer).await, 0);
}

#[tokio::test(start_paused = true)]
async fn streams_that_make_no_sense_end_alone() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let _: Subscribe = peer.recv().await;
    peer.send(&ok(0, 9)).await;
    let mut streams = Vec::new();
    for bytes in [
        // Unknown types, a fetch that nobody made, an alias that nobody knows.
        &b"\x3f"[..],
        b"\x16\x09\x01\x80",
        b"\x05\x00",
        b"\x18\x08\x01\x80\x00\x01a",
        // A frame, extensions and a status beyond all reason.
        b"\x18\x09\x01\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x19\x09\x02\x80\x00\xbf\xff\xff\xff",
        b"\x18\x09\x03\x80\x00\x00\x02",
        // Nothing at all.
        b"",
    ] {
        streams.push(peer.uni(bytes).await);
    }
    for stream in &mut streams {
        assert!(within(stream.closed()).await.is_err(), "it is stopped");
    }
    peer.whole(b"\x18\x09\x07\x80\x00\x01a").await;
    let mut group = within(track.recv_group()).await.unwrap().unwrap();
    assert_eq!(group.info.sequence, 7);
    assert_eq!(within(group.read_frame()).await.unwrap().unwrap(), "a");
    assert_eq!(peer.link.end(), None);
}

#[tokio::test(start_paused = true)]
async fn one_alias_for_two_tracks_ends_the_session() {
    let (_session, origin, mut peer) = Peer::server().await;
    let broadcast = announced(&origin, "cam").await;
    let _tracks = ["a", "b"].map(|name| broadcast.subscribe_track(&Track::new(name)));
    for _ in 0..2 {
        let _: Subscribe = peer.recv().await;
    }
    peer.send(&ok(0, 9)).await;
    peer.send(&ok(2, 9)).await;
    let end = within(peer.link.ended()).await;
    assert!(matches!(
        end,
        Ending::Closed {
            by: Side::Client,
            code: 3,
            ..
        }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_no_answers_is_let_go() {
    let (_session, mut peer) = Peer::client(Origin::produce().consumer).await;
    peer.link.stall(Side::Server, true);
    for id in 0..40_000 {
        let request = Subscribe {
            track_namespace: Path::new("nothing"),
            ..subscribe(2 * id)
        };
        let mut bytes = vec![Subscribe::ID as u8];
        let body = gstmoq::moq_lite::coding::Encode::encode_bytes(&request, crate::peer::V);
        bytes.extend_from_slice(&body.unwrap());
        if peer.writer.write_chunk(bytes.into()).await.is_err() {
            break;
        }
    }
    assert_eq!(code(&peer).await, 1);
}
