//! What a session makes of a publisher that the test plays by hand.

use std::time::Duration;

use bytes::Bytes;
use gstmoq::moq_lite::{
    Error, Group, Path, Track,
    lite::{Announce, ControlType, Hops, SubscribeOk, Version},
};
use web_transport_trait::Session as _;

use super::peer::{Peer, Stream, next_group, send_all, subscribed};
use crate::{
    assert_err,
    common::{now, transport::Record, within},
};

/// The streams of groups that the session told to stop, with their codes.
async fn stopped(peer: &Peer, count: usize) -> Vec<u32> {
    let codes = |records: &[Record]| {
        let codes: Vec<_> = records.iter().filter_map(|record| record.stopped).collect();
        (codes.len() >= count).then_some(codes)
    };
    within(peer.link.until(codes)).await
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_asked_for_with_what_the_reader_wants() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let broadcast = origin.consume_broadcast("cam").unwrap();
    for (id, name) in ["video", "audio"].into_iter().enumerate() {
        let wanted = Track {
            name: name.into(),
            priority: 80,
        };
        let _reader = broadcast.subscribe_track(&wanted);
        let (request, _stream) = peer.accept_subscribe().await;
        assert_eq!((request.id, request.priority), (id as u64, 80));
        assert_eq!((request.broadcast.as_str(), &*request.track), ("cam", name));
    }
}

#[tokio::test(start_paused = true)]
async fn groups_are_taken_in_any_order_and_in_both_versions() {
    for version in [Version::Draft01, Version::Draft02] {
        let (_session, origin, peer, _announce) = Peer::server(version, &["cam"]).await;
        let (mut track, id, _stream) = subscribed(&origin, &peer).await;
        for sequence in [4, 2, 9, 3] {
            peer.send_group(id, sequence, &format!("{sequence}")).await;
            let frame = Bytes::from(format!("{sequence}"));
            assert_eq!(next_group(&mut track).await, (sequence, vec![frame]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn groups_may_overtake_the_answer() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft01, &["cam"]).await;
    let broadcast = origin.consume_broadcast("cam").unwrap();
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    let (request, mut stream) = peer.accept_subscribe().await;
    peer.send_group(request.id, 0, "early").await;
    assert_eq!(
        next_group(&mut track).await,
        (0, vec![Bytes::from("early")])
    );
    stream
        .writer
        .encode(&SubscribeOk {
            priority: 1,
            max_age: Duration::MAX,
            start: None,
            end: None,
        })
        .await
        .unwrap();
    peer.send_group(request.id, 1, "late").await;
    assert_eq!(next_group(&mut track).await, (1, vec![Bytes::from("late")]));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_track_comes_after_groups_that_were_not_looked_at_yet() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, mut stream) = subscribed(&origin, &peer).await;
    for sequence in 0..5 {
        peer.send_group(id, sequence, "whole").await;
    }
    stream.writer.finish().unwrap();
    for sequence in 0..5 {
        assert_eq!(
            next_group(&mut track).await,
            (sequence, vec![Bytes::from("whole")])
        );
    }
    assert!(within(track.recv_group()).await.unwrap().is_none());
    assert!(
        within(stream.reader.closed()).await.is_ok(),
        "the request ends too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_under_way_is_finished_after_the_end_of_the_track() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, mut stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id, 0).await;
    let mut received = within(track.recv_group()).await.unwrap().unwrap();
    stream.writer.finish().unwrap();
    group.encode(&"late").await.unwrap();
    group.finish().unwrap();
    assert_eq!(
        within(received.read_frame()).await.unwrap().unwrap(),
        "late"
    );
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_header_does_not_hold_up_the_end_for_ever() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, _id, mut stream) = subscribed(&origin, &peer).await;
    let _silent = peer.transport.open_uni().await.unwrap();
    stream.writer.finish().unwrap();
    assert!(within(track.recv_group()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_comes_twice_is_refused_as_old() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    peer.send_group(id, 3, "once").await;
    next_group(&mut track).await;
    peer.group(id, 3).await.finish().unwrap();
    let mut twice = peer.group(id, 3).await;
    assert_err!(within(twice.closed()).await, Error::Old);
    peer.send_group(id, 4, "next").await;
    assert_eq!(next_group(&mut track).await, (4, vec![Bytes::from("next")]));
}

#[tokio::test(start_paused = true)]
async fn a_reset_group_ends_alone_with_its_reason() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id, 0).await;
    group.encode(&"whole").await.unwrap();
    let mut received = within(track.recv_group()).await.unwrap().unwrap();
    assert_eq!(
        within(received.read_frame()).await.unwrap().unwrap(),
        "whole"
    );
    group.abort(&Error::App(3));
    assert_err!(within(received.read_frame()).await, Error::App(3));
    peer.send_group(id, 1, "next").await;
    assert_eq!(next_group(&mut track).await, (1, vec![Bytes::from("next")]));
}

#[tokio::test(start_paused = true)]
async fn groups_of_nobody_are_stopped_as_cancelled() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id + 1, 0).await;
    assert_err!(within(group.closed()).await, Error::Cancel);
    let code = within(stopped(&peer, 1)).await;
    assert_eq!(code, [0]);
    peer.send_group(id, 0, "next").await;
    assert_eq!(next_group(&mut track).await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn leaving_resets_the_request_and_stops_the_groups() {
    let (_session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, mut stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id, 0).await;
    let _received = within(track.recv_group()).await.unwrap();
    drop(track);
    assert_err!(within(stream.reader.closed()).await, Error::Cancel);
    assert!(within(group.closed()).await.is_err());
    let mut late = peer.group(id, 1).await;
    assert_err!(within(late.closed()).await, Error::Cancel);
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_ends_its_track_with_the_reason() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let broadcast = origin.consume_broadcast("cam").unwrap();
    for (refusal, code) in [
        (Error::NotFound, 13),
        (Error::Unauthorized, 6),
        (Error::App(1), 65),
    ] {
        let track = broadcast.subscribe_track(&Track::new("video"));
        let (_, mut stream) = peer.accept_subscribe().await;
        stream.writer.abort(&refusal);
        assert_eq!(within(track.closed()).await.unwrap_err().to_code(), code);
    }
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_ends_its_track_alone() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let broadcast = origin.consume_broadcast("cam").unwrap();
    let answers: [&[u8]; 4] = [
        b"\x01\x00",
        b"\x00\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"",
    ];
    for answer in answers {
        let track = broadcast.subscribe_track(&Track::new("video"));
        let (_, mut stream) = peer.accept_subscribe().await;
        stream
            .writer
            .write_chunk(Bytes::from_static(answer))
            .await
            .unwrap();
        stream.writer.finish().unwrap();
        assert_err!(within(track.closed()).await, Error::Decode(_));
    }
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_end_of_what_was_never_announced_is_passed_over() {
    let (session, mut origin, _peer, mut announce) = Peer::server(Version::Draft02, &["cam"]).await;
    assert!(origin.try_announced().is_some());
    let suffix = Path::new("unknown");
    announce
        .writer
        .encode(&Announce::Ended { suffix })
        .await
        .unwrap();
    let suffix = Path::new("next");
    announce
        .writer
        .encode(&Announce::Active {
            suffix,
            hops: Hops::default(),
        })
        .await
        .unwrap();
    let (path, broadcast) = within(origin.announced()).await.unwrap();
    assert_eq!((path.as_str(), broadcast.is_some()), ("next", true));
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_announcements_does_not_end_the_session() {
    /// How the stream of announcements ends.
    fn end(announce: &mut Stream, code: Option<u32>) {
        match code {
            None => announce.writer.finish().unwrap(),
            Some(code) => announce.writer.abort(&Error::App(code)),
        }
    }
    for code in [None, Some(0), Some(1)] {
        let (session, origin, peer, mut announce) = Peer::server(Version::Draft02, &["cam"]).await;
        end(&mut announce, code);
        let (mut track, id, _stream) = subscribed(&origin, &peer).await;
        peer.send_group(id, 0, "a").await;
        assert_eq!(next_group(&mut track).await.1, ["a"]);
        assert!(now(session.closed()).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn announcements_may_be_refused_with_any_code() {
    for code in [0, 1, 6, 13, 17, 0x15, 0x33, 9999] {
        let (session, _origin, peer, announce) = Peer::server(Version::Draft02, &["cam"]).await;
        let gstmoq::moq_lite::coding::Stream { mut writer, .. } = announce;
        // Any number will do: applications number theirs from 64.
        writer.abort(&match code {
            0 => Error::Cancel,
            6 => Error::Unauthorized,
            13 => Error::NotFound,
            17 => Error::Unsupported,
            code => Error::App(code),
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(now(session.closed()).is_none(), "{code}");
        assert_eq!(peer.link.end(), None, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_of_the_largest_group_are_taken_and_larger_ones_stopped() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id, 0).await;
    group.encode(&Group::MAX_BYTES).await.unwrap();
    let mut received = within(track.recv_group()).await.unwrap().unwrap();
    let frame = within(received.next_frame()).await.unwrap().unwrap();
    assert_eq!(frame.info.size, Group::MAX_BYTES);
    for size in [Group::MAX_BYTES + 1, (1 << 62) - 1] {
        let mut group = peer.group(id, size).await;
        group.encode(&size).await.unwrap();
        let mut received = within(track.recv_group()).await.unwrap().unwrap();
        assert_err!(within(received.read_frame()).await, Error::TooLarge);
        assert!(within(group.closed()).await.is_err());
    }
    assert_eq!(stopped(&peer, 2).await, [18, 18]);
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_group_of_too_many_frames_is_stopped() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    let mut group = peer.group(id, 0).await;
    let frames = Bytes::from(vec![0; Group::MAX_FRAMES + 1]);
    group.write_chunk(frames).await.unwrap();
    let mut received = within(track.recv_group()).await.unwrap().unwrap();
    for _ in 0..Group::MAX_FRAMES {
        assert_eq!(within(received.read_frame()).await.unwrap().unwrap(), "");
    }
    assert_err!(within(received.read_frame()).await, Error::TooLarge);
    assert_eq!(stopped(&peer, 1).await, [18]);
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_inside_a_frame_ends_its_group_alone() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    for (sequence, bytes) in [&b"\x05abc"[..], b"\x05", b"\x40", b"\x01a\x80\0"]
        .iter()
        .enumerate()
    {
        let mut group = peer.group(id, sequence as u64).await;
        group.write_chunk(Bytes::from_static(bytes)).await.unwrap();
        group.finish().unwrap();
        let mut received = within(track.recv_group()).await.unwrap().unwrap();
        let result = loop {
            match within(received.read_frame()).await {
                Ok(Some(_)) => {}
                result => break result,
            }
        };
        assert_err!(result, Error::WrongSize | Error::Cancel | Error::Decode(_));
        let end = within(received.read_frame()).await;
        assert_err!(end, Error::WrongSize | Error::Decode(_));
    }
    assert!(now(session.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn streams_of_unknown_types_are_stopped_and_nothing_else() {
    let (session, origin, peer, _announce) = Peer::server(Version::Draft02, &["cam"]).await;
    let (mut track, id, _stream) = subscribed(&origin, &peer).await;
    for bytes in [
        &b"\x01\x01\x00"[..],
        b"\x3f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x00\x01\x00",
    ] {
        let mut stream = peer.transport.open_uni().await.unwrap();
        send_all(&mut stream, bytes).await;
        let closed = web_transport_trait::SendStream::closed(&mut stream);
        assert!(within(closed).await.is_err());
    }
    for kind in [
        ControlType::Session,
        ControlType::Announce,
        ControlType::Subscribe,
    ] {
        let mut stream = Stream::open(&peer.transport, peer.version).await.unwrap();
        stream.writer.encode(&kind).await.unwrap();
        stream.writer.finish().unwrap();
        assert!(within(stream.reader.closed()).await.is_err());
    }
    peer.send_group(id, 0, "a").await;
    assert_eq!(next_group(&mut track).await.1, ["a"]);
    assert!(now(session.closed()).is_none());
}
