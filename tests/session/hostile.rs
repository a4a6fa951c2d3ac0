//! Peers that mean harm, or do not know better.

use bytes::Bytes;
use gstmoq::moq_lite::{
    Error, Origin, Path,
    coding::DecodeError,
    lite::{Announce, Hops, Version},
};
use web_transport_trait::{SendStream as _, Session as _};

use super::peer::{Peer, gone, send_all};
use crate::{
    assert_err,
    common::{
        now,
        transport::{Ending, Side},
        within,
    },
};

/// That the session ended with `err`, and told the peer so.
async fn assert_ended(session: &gstmoq::moq_lite::Session, peer: &Peer, err: &Error, by: Side) {
    let ended = within(session.closed()).await.unwrap_err();
    assert_eq!(ended.to_string(), err.to_string());
    let (code, reason) = (err.to_code(), err.to_string());
    assert_eq!(peer.link.end(), Some(Ending::Closed { by, code, reason }));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_announced_twice_ends_the_session() {
    let (session, _origin, peer, mut announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let suffix = Path::new("cam");
    announce
        .writer
        .encode(&Announce::Active {
            suffix,
            hops: Hops::default(),
        })
        .await
        .unwrap();
    assert_ended(&session, &peer, &Error::Duplicate, Side::Client).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_set_may_not_name_a_broadcast_twice_either() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["a", "b", "a"]).await;
    assert_ended(&session, &peer, &Error::Duplicate, Side::Client).await;
    gone(&origin, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_announcements_ends_the_session() {
    let (session, origin, peer, mut announce) = Peer::server(Version::Draft02, &[]).await;
    let flood = async {
        for n in 0.. {
            let suffix = Path::from(format!("{n}"));
            let sent = announce
                .writer
                .encode(&Announce::Active {
                    suffix,
                    hops: Hops::default(),
                })
                .await;
            if sent.is_err() {
                return n;
            }
        }
        unreachable!("the loop has no end")
    };
    let sent: u32 = within(flood).await;
    assert!(sent >= 10_000, "{sent} were too many");
    assert_ended(&session, &peer, &Error::TooLarge, Side::Client).await;
    gone(&origin, "0").await;
}

#[tokio::test(start_paused = true)]
async fn announcements_that_are_malformed_end_the_session() {
    let cases: [(&[u8], DecodeError); 6] = [
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            DecodeError::BoundsExceeded,
        ),
        (b"\x02\x02\x00", DecodeError::InvalidValue),
        (b"\x03\x01\x00\x00", DecodeError::Long),
        (b"\x02\x01\x05", DecodeError::ExpectedData),
        (b"\x00", DecodeError::ExpectedData),
        (b"\x05\x01", DecodeError::Short),
    ];
    for (bytes, expected) in cases {
        let (session, _origin, peer, mut announce) = Peer::server(Version::Draft02, &[]).await;
        announce
            .writer
            .write_chunk(Bytes::from_static(bytes))
            .await
            .unwrap();
        announce.writer.finish().unwrap();
        assert_ended(&session, &peer, &Error::Decode(expected), Side::Client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_refused_one_by_one() {
    let origin = Origin::produce();
    let _cam = origin.producer.create_broadcast("cam").unwrap();
    let (session, peer) = Peer::client(Version::Draft02, origin.consumer).await;
    let requests: [&[u8]; 12] = [
        b"",
        b"\x00",
        b"\x03\x01\x00",
        b"\x04",
        b"\x3f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x01\x03\x01a\x00",
        b"\x01\x02\x05a",
        b"\x02\x02\x00\x03",
        b"\x02\x0c\x00\x03cam\x05video\x07\x00",
        b"\x01\x05\x00",
    ];
    for request in requests {
        let (mut send, mut recv) = peer.transport.open_bi().await.unwrap();
        send_all(&mut send, request).await;
        send.finish().unwrap();
        let closed = web_transport_trait::RecvStream::closed(&mut recv);
        assert!(within(closed).await.is_err(), "{request:?} was not reset");
        peer.assert_serves("cam").await;
    }
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_before_its_first_byte_ends_alone() {
    let origin = Origin::produce();
    let _cam = origin.producer.create_broadcast("cam").unwrap();
    let (session, peer) = Peer::client(Version::Draft02, origin.consumer).await;
    for _ in 0..2 {
        let (mut request, _answer) = peer.transport.open_bi().await.unwrap();
        request.reset(7);
        peer.transport.open_uni().await.unwrap().reset(7);
        peer.assert_serves("cam").await;
    }
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn bytes_after_a_request_end_it() {
    let origin = Origin::produce();
    let _cam = origin.producer.create_broadcast("cam").unwrap();
    let (_session, peer) = Peer::client(Version::Draft02, origin.consumer).await;
    let mut announce = peer.announce_please("").await;
    let mut subscribe = peer.subscribe(0, "cam", "video").await;
    for stream in [&mut announce, &mut subscribe] {
        stream
            .writer
            .write_chunk(Bytes::from_static(b"x"))
            .await
            .unwrap();
        let result = within(async {
            while stream.reader.read(100).await?.is_some() {}
            Ok::<_, Error>(())
        });
        assert_err!(result.await, Error::Transport(_));
    }
    peer.assert_serves("cam").await;
}

#[tokio::test(start_paused = true)]
async fn noise_on_the_session_stream_ends_the_session() {
    for noise in [
        &b"\x02\x00\x00"[..],
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00",
    ] {
        let origin = Origin::produce();
        let (session, mut peer) = Peer::client(Version::Draft02, origin.consumer).await;
        let (mut send, _recv) = peer.setup.take().unwrap();
        send_all(&mut send, noise).await;
        assert_err!(within(session.closed()).await, Error::Decode(_));
        let Some(Ending::Closed { by, code, .. }) = peer.link.end() else {
            panic!("the transport is open");
        };
        assert_eq!((by, code), (Side::Server, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_at_once_are_served() {
    let origin = Origin::produce();
    let mut cam = origin.producer.create_broadcast("cam").unwrap();
    let (session, peer) = Peer::client(Version::Draft02, origin.consumer).await;
    let mut streams = Vec::new();
    for id in 0..900 {
        streams.push(peer.subscribe(id, "cam", &format!("track {id}")).await);
    }
    for stream in &mut streams {
        let _: gstmoq::moq_lite::lite::SubscribeOk = within(stream.reader.decode()).await.unwrap();
    }
    let mut requests = Vec::new();
    for _ in 0..900 {
        requests.push(within(cam.requested_track()).await.unwrap());
    }
    drop(streams);
    for request in requests {
        within(request.unused()).await;
    }
    assert!(now(session.closed()).is_none());
}
