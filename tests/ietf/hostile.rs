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
        // The limit shrinks.
        b"\x15\x00\x01\x05",
        // Two GOAWAYs.
        b"\x10\x00\x01\x00\x10\x00\x01\x00",
    ];
    for case in cases {
        assert_eq!(code_after(case).await, 3, "{case:x?}");
    }
}

/// The code with which our server closes when it reads this.
async fn code_after(bytes: &[u8]) -> u32 {
    let (_session, mut peer) = Peer::client(Origin::produce().consumer).await;
    let bytes = Bytes::copy_from_slice(bytes);
    peer.writer.write_chunk(bytes).await.unwrap();
    code(&peer).await
}

#[tokio::test(start_paused = true)]
async fn numbers_of_requests_that_are_not_due_end_the_session_with_codes_of_their_own() {
    let cases: &[(&[u8], u32)] = &[
        // The other side's; one twice; one that leaves too many out.
        (b"\x06\x00\x05\x01\x01\x01a\x00", 0x4),
        (
            b"\x06\x00\x05\x00\x01\x01a\x00\x06\x00\x05\x00\x01\x01b\x00",
            0x4,
        ),
        (b"\x06\x00\x06\x50\x00\x01\x01a\x00", 0x4),
        // Beyond the limit.
        (b"\x06\x00\x08\xbf\xff\xff\xfe\x01\x01a\x00", 0x7),
    ];
    for (case, expected) in cases {
        assert_eq!(code_after(case).await, *expected, "{case:x?}");
    }
}

/// Requests of each kind that may show a token, up to the number of their parameters.
const REQUESTS: [&[u8]; 7] = [
    // SUBSCRIBE, SUBSCRIBE_UPDATE, TRACK_STATUS, FETCH
    b"\x03\x00\x01\x01a\x01b\x80\x00\x01\x02",
    b"\x02\x00\x00\x00\x00\x00\x80\x01",
    b"\x0d\x00\x01\x01a\x01b\x80\x00\x01\x02",
    b"\x16\x00\x80\x00\x03\x00\x00",
    // PUBLISH, PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE
    b"\x1d\x00\x01\x01a\x01b\x00\x01\x00\x01",
    b"\x06\x00\x01\x01a",
    b"\x11\x00\x01\x01a",
];

/// The request with these tokens.
fn showing(request: &[u8], tokens: &[&[u8]]) -> Vec<u8> {
    let mut body = request[1..].to_vec();
    body.push(tokens.len() as u8);
    for token in tokens {
        body.extend_from_slice(&[3, token.len() as u8]);
        body.extend_from_slice(token);
    }
    let mut message = vec![request[0], 0, body.len() as u8];
    message.extend_from_slice(&body);
    message
}

#[tokio::test(start_paused = true)]
async fn tokens_of_requests_have_their_form_and_are_not_kept() {
    let tokens: [(&[u8], u32); 7] = [
        // Cut off, of an unknown form, more than an alias.
        (b"", 0x6),
        (b"\x01\x07", 0x6),
        (b"\x09\0abc", 0x6),
        (b"\x02\x07abc", 0x6),
        // To be kept; to be forgotten, and used, without having been kept.
        (b"\x01\x07\0abc", 0x13),
        (b"\0\x07", 0x17),
        (b"\x02\x07", 0x17),
    ];
    for request in REQUESTS {
        for (token, expected) in tokens {
            let message = showing(request, &[b"\x03\0fine", token]);
            assert_eq!(code_after(&message).await, expected, "{message:x?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_request_changes_nothing() {
    let origin = Origin::produce();
    let (_session, mut peer) = Peer::client(origin.consumer).await;
    let mut broadcast = origin.producer.create_broadcast("a").unwrap();
    let _track = broadcast.create_track(Track::new("b"));
    let _: PublishNamespace = peer.recv().await;
    // Of two kinds.
    let message = showing(REQUESTS[0], &[b"\x03\0secret", b"\x03\x01other"]);
    peer.writer.write_chunk(message.into()).await.unwrap();
    let ok: SubscribeOk = peer.recv().await;
    assert_eq!(ok.request_id, RequestId(0));
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
            code: 5,
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
