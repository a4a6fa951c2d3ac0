//! Announcements, as two whole sessions see them.

use gstmoq::moq_lite::{Client, Origin, OriginProducer, Path, Server, Track};

use super::peer::{announced, next_group, pair, pair_with};
use crate::common::{
    now,
    transport::{self, Config, Side},
    versions::EVERY,
    within,
};

#[tokio::test(start_paused = true)]
async fn both_sides_announce_on_one_session() {
    let pair = pair(Config::default()).await;
    let _here = pair.client.publish.create_broadcast("room/here").unwrap();
    let _there = pair.server.publish.create_broadcast("there").unwrap();
    announced(&pair.server.consume, "room/here").await;
    announced(&pair.client.consume, "there").await;
    assert!(pair.client.consume.consume_broadcast("room/here").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_is_in_the_origin_when_connect_returns() {
    let publish = OriginProducer::default();
    let _broadcasts = ["a", "b/c", ""].map(|path| publish.create_broadcast(path).unwrap());
    let pair = pair_with(Config::default(), [OriginProducer::default(), publish]).await;
    for path in ["a", "b/c", ""] {
        assert!(
            pair.client.consume.consume_broadcast(path).is_some(),
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_announced_and_a_new_start_is_a_new_broadcast() {
    let mut pair = pair(Config::default()).await;
    let origin = &mut pair.client.consume;
    let broadcast = pair.server.publish.create_broadcast("cam").unwrap();
    let (_, Some(first)) = within(origin.announced()).await.unwrap() else {
        panic!("it starts");
    };
    drop(broadcast);
    within(first.closed()).await;
    let (path, None) = within(origin.announced()).await.unwrap() else {
        panic!("it ends");
    };
    assert_eq!(path.as_str(), "cam");
    let _broadcast = pair.server.publish.create_broadcast("cam").unwrap();
    let (_, Some(second)) = within(origin.announced()).await.unwrap() else {
        panic!("it starts again");
    };
    assert!(!second.is_clone(&first) && now(second.closed()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_is_replaced_is_announced_anew() {
    let pair = pair(Config::default()).await;
    let _first = pair.server.publish.create_broadcast("cam").unwrap();
    let seen = announced(&pair.client.consume, "cam").await;
    let _second = pair.server.publish.create_broadcast("cam").unwrap();
    within(seen.closed()).await;
    let again = announced(&pair.client.consume, "cam").await;
    assert!(!again.is_clone(&seen));
}

#[tokio::test(start_paused = true)]
async fn only_what_the_origin_takes_is_asked_for() {
    let publish = Origin::produce();
    let _broadcasts = ["a/x", "b/x", "c"].map(|path| publish.producer.create_broadcast(path));
    let taken = Origin::produce();
    let prefixes = [Path::new("a"), Path::new("b/x"), Path::new("b/x/y")];
    let take = taken.producer.publish_only(&prefixes).unwrap();
    let (client, server, link) = transport::connect(Config::default());
    let (connecting, accepting) = (
        Client::new().with_consume(take),
        Server::new().with_publish(publish.consumer),
    );
    let sessions = async { tokio::try_join!(connecting.connect(client), accepting.accept(server)) };
    let _sessions = within(sessions).await.unwrap();
    let found = ["a/x", "b/x", "c"].map(|path| taken.consumer.consume_broadcast(path).is_some());
    assert_eq!(found, [true, true, false]);
    let asked =
        link.find(|record| record.sender == Side::Client && record.written.starts_with(&[1]));
    let asked: Vec<_> = asked.into_iter().map(|record| record.written).collect();
    assert_eq!(asked, [&b"\x01\x02\x01a"[..], b"\x01\x04\x03b/x"]);
}

#[tokio::test(start_paused = true)]
async fn more_is_asked_for_when_it_turns_out_to_be_wanted_in_every_version() {
    for version in EVERY {
        let (publish, taken) = (Origin::produce(), Origin::produce());
        let mut broadcasts = ["cam", "other"].map(|path| {
            let mut broadcast = publish.producer.create_broadcast(path).unwrap();
            let mut track = broadcast.create_track(Track::new("video"));
            track.write_frame(path).unwrap();
            (broadcast, track)
        });
        let only = |path| taken.producer.publish_only(&[Path::new(path)]).unwrap();
        let (client, server, _link) = transport::connect(Config {
            protocol: Some(version.protocol),
            ..Config::default()
        });
        let connecting = Client::new()
            .with_versions([version.number])
            .with_consume(only("cam"));
        let accepting = Server::new().with_publish(publish.consumer);
        let sessions =
            async { tokio::try_join!(connecting.connect(client), accepting.accept(server)) };
        let (session, _server) = within(sessions).await.unwrap();
        announced(&taken.consumer, "cam").await;
        assert!(taken.consumer.consume_broadcast("other").is_none());

        session.ask("other", only("other"));
        // Twice the same, and what was asked for in the beginning, does no harm.
        session.ask("other", only("other"));
        session.ask("cam", only("cam"));
        let other = announced(&taken.consumer, "other").await;
        let mut track = other.subscribe_track(&Track::new("video"));
        assert_eq!(next_group(&mut track).await.1, ["other"], "{version:?}");
        broadcasts[1].0.close();
        // Where its announcement was refused before it was wanted, nobody is told of its end: the tracks end.
        if version.name.starts_with("moq-lite") {
            within(other.closed()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_is_put_before_what_comes_and_taken_from_what_goes() {
    let (publish, consume) = (Origin::produce(), Origin::produce());
    let _cam = publish.producer.create_broadcast("room/cam").unwrap();
    let (client, server, _link) = transport::connect(Config::default());
    let connecting = Client::new().with_consume(consume.producer.with_root("seen").unwrap());
    let accepting = Server::new().with_publish(publish.consumer.with_root("room").unwrap());
    let sessions = async { tokio::try_join!(connecting.connect(client), accepting.accept(server)) };
    let _sessions = within(sessions).await.unwrap();
    announced(&consume.consumer, "seen/cam").await;
}

#[tokio::test(start_paused = true)]
async fn many_broadcasts_come_through_a_narrow_window() {
    let publish = OriginProducer::default();
    let path = |n: usize| format!("broadcast {n}");
    let broadcasts: Vec<_> = (0..500)
        .map(|n| publish.create_broadcast(path(n)).unwrap())
        .collect();
    let config = Config {
        window: 7,
        ..Config::default()
    };
    let pair = pair_with(config, [OriginProducer::default(), publish]).await;
    for n in 0..500 {
        assert!(pair.client.consume.consume_broadcast(path(n)).is_some());
    }
    let last = pair.client.consume.consume_broadcast(path(499)).unwrap();
    drop(broadcasts);
    within(last.closed()).await;
}
