//! Origins: broadcasts by path, announced to whoever may see them.

use gstmoq::moq_lite::{
    Broadcast, BroadcastConsumer, Origin, OriginConsumer, OriginProducer, Path, Produce,
};

use crate::common::{Step, block_on, now};

/// Everything that is to be told now: a path, and whether it is active.
fn news(consumer: &mut OriginConsumer) -> Vec<(String, bool)> {
    std::iter::from_fn(|| consumer.try_announced())
        .map(|(path, broadcast)| (path.to_string(), broadcast.is_some()))
        .collect()
}

fn active(paths: &[&str]) -> Vec<(String, bool)> {
    paths.iter().map(|path| (path.to_string(), true)).collect()
}

fn ended(path: &str) -> Vec<(String, bool)> {
    vec![(path.to_owned(), false)]
}

fn allowed(producer: &OriginProducer) -> Vec<&str> {
    producer.allowed().map(Path::as_str).collect()
}

fn paths<'a>(paths: &[&'a str]) -> Vec<Path<'a>> {
    paths.iter().map(|path| Path::new(path)).collect()
}

fn at(consumer: &OriginConsumer, path: &str) -> Option<BroadcastConsumer> {
    consumer.consume_broadcast(path)
}

#[test]
fn a_broadcast_is_announced_when_it_starts_and_when_it_ends() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let waiting = Step::waiting(async { consumer.announced().await.unwrap() });
    let broadcast = producer.create_broadcast("room/cam").unwrap();
    let (path, found) = waiting.done();
    assert_eq!(path.as_str(), "room/cam");
    assert!(found.unwrap().is_clone(&broadcast.consume()));
    assert!(at(&consumer, "/room//cam/").is_some());
    assert!(at(&consumer, "room").is_none());
    drop(broadcast);
    assert_eq!(news(&mut consumer), ended("room/cam"));
    assert!(at(&consumer, "room/cam").is_none());
}

#[test]
fn closing_takes_a_broadcast_out_of_every_origin() {
    let origins = [Origin::produce(), Origin::produce()];
    let mut broadcast = Broadcast::produce();
    for origin in &origins {
        assert!(
            origin
                .producer
                .publish_broadcast("a", broadcast.consumer.clone())
        );
        assert!(
            origin
                .producer
                .publish_broadcast("b", broadcast.consumer.clone())
        );
    }
    broadcast.producer.close();
    for origin in &origins {
        assert!(at(&origin.consumer, "a").is_none() && at(&origin.consumer, "b").is_none());
    }
}

#[test]
fn a_broadcast_that_ended_before_is_never_announced() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let broadcast = Broadcast::produce();
    drop(broadcast.producer);
    assert!(producer.publish_broadcast("a", broadcast.consumer));
    assert_eq!(news(&mut consumer), []);
    assert!(at(&consumer, "a").is_none());
}

#[test]
fn a_new_consumer_is_told_of_everything_that_is_active() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let _broadcasts = ["b", "a/x", "a"].map(|path| producer.create_broadcast(path).unwrap());
    assert_eq!(news(&mut consumer), active(&["b", "a/x", "a"]));
    for mut late in [producer.consume(), consumer.consume(), consumer.clone()] {
        assert_eq!(news(&mut late), active(&["a", "a/x", "b"]));
    }
    assert_eq!(news(&mut consumer), []);
}

#[test]
fn a_consumer_that_takes_its_time_is_told_what_is_so_then() {
    let producer = Origin::produce().producer;
    let path = |index: usize| format!("{}/{index:03}", ["a", "b", ""][index % 3]);
    let path = |index: usize| path(index).trim_start_matches('/').to_owned();
    let mut broadcasts: Vec<_> = (0..300)
        .map(|index| producer.create_broadcast(path(index)))
        .collect();
    let mut whole = producer.consume();
    let mut part = producer.consume_only(&paths(&["b", "a"])).unwrap();
    let mut told = Vec::new();
    for _ in 0..10 {
        told.push(whole.try_announced().unwrap().0.to_string());
    }
    // Of what ends before it was told nothing is told, of what was told the end.
    for gone in [told[3].clone(), path(296), path(297), path(298)] {
        let index = (0..300).find(|index| path(*index) == gone).unwrap();
        broadcasts[index] = None;
    }
    // What comes meanwhile is told, wherever it stands.
    let _new = ["a/0000", "b/5", "zzz"].map(|path| producer.create_broadcast(path).unwrap());
    broadcasts[297] = producer.create_broadcast(path(297));

    let mut left: std::collections::BTreeSet<_> = told.iter().cloned().collect();
    let ends = left.remove(&told[3]);
    assert!(ends);
    let mut gone = Vec::new();
    for (path, active) in news(&mut whole) {
        if active {
            assert!(left.insert(path));
        } else {
            gone.push(path);
        }
    }
    assert_eq!(gone, [told[3].clone()]);
    let now = |of: &dyn Fn(&str) -> bool| -> std::collections::BTreeSet<String> {
        news(&mut producer.consume())
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| of(path))
            .collect()
    };
    assert_eq!(left, now(&|_| true));
    let seen = news(&mut part);
    assert!(seen.iter().all(|(_, active)| *active));
    let seen: std::collections::BTreeSet<_> = seen.into_iter().map(|(path, _)| path).collect();
    assert_eq!(seen, now(&|path| path.contains('/')));
}

#[test]
fn the_newest_broadcast_of_a_path_is_active_and_the_others_return_when_it_ends() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let [first, second, third] = [(); 3].map(|()| Broadcast::produce());
    for broadcast in [&first, &second, &third] {
        assert!(producer.publish_broadcast("a", broadcast.consumer.clone()));
        assert!(at(&consumer, "a").unwrap().is_clone(&broadcast.consumer));
        let pending = news(&mut consumer);
        assert_eq!(pending.last(), active(&["a"]).last());
    }
    // The end of one that waits is silent.
    drop(second.producer);
    assert_eq!(news(&mut consumer), []);
    drop(third.producer);
    assert_eq!(news(&mut consumer), [ended("a"), active(&["a"])].concat());
    assert!(at(&consumer, "a").unwrap().is_clone(&first.consumer));
    drop(first.producer);
    assert_eq!(news(&mut consumer), ended("a"));
}

#[test]
fn a_broadcast_published_twice_is_counted_twice() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let broadcast = Broadcast::produce();
    assert!(producer.publish_broadcast("a", broadcast.consumer.clone()));
    assert!(producer.publish_broadcast("a", broadcast.consumer.clone()));
    assert_eq!(news(&mut consumer), active(&["a"]));
    drop(broadcast.producer);
    assert_eq!(news(&mut consumer), ended("a"));
}

#[test]
fn changes_that_were_undone_before_they_were_read_are_left_out() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    drop(producer.create_broadcast("a"));
    assert_eq!(news(&mut consumer), []);
    let stays = producer.create_broadcast("b").unwrap();
    assert_eq!(news(&mut consumer), active(&["b"]));
    for _ in 0..1000 {
        drop(producer.create_broadcast("b"));
    }
    assert_eq!(news(&mut consumer), []);
    let newer = producer.create_broadcast("b").unwrap();
    drop(stays);
    assert_eq!(news(&mut consumer), [ended("b"), active(&["b"])].concat());
    drop(newer);
    let _newest = producer.create_broadcast("b").unwrap();
    assert_eq!(news(&mut consumer), [ended("b"), active(&["b"])].concat());
}

#[test]
fn rights_cover_a_prefix_and_what_lies_below_but_not_its_neighbours() {
    let Produce { producer, consumer } = Origin::produce();
    let room = producer.publish_only(&paths(&["room/a"])).unwrap();
    let _broadcasts = ["room/a", "room/a/x"].map(|path| room.create_broadcast(path).unwrap());
    for path in ["room", "room/ab", "room/b", ""] {
        assert!(room.create_broadcast(path).is_none(), "{path}");
        assert!(!room.publish_broadcast(path, Broadcast::produce().consumer));
    }
    let _outside = producer.create_broadcast("room/ab").unwrap();
    let mut narrow = consumer.consume_only(&paths(&["room/a"])).unwrap();
    assert_eq!(news(&mut narrow), active(&["room/a", "room/a/x"]));
    assert!(at(&narrow, "room/ab").is_none() && at(&narrow, "room/a/x").is_some());
}

#[test]
fn rights_can_be_narrowed_and_never_widened() {
    let origin = Origin::produce().producer;
    assert_eq!(allowed(&origin), [""]);
    let two = origin.publish_only(&paths(&["a", "b/c"])).unwrap();
    assert_eq!(allowed(&two), ["a", "b/c"]);
    let kept = two.publish_only(&paths(&[""])).unwrap();
    assert_eq!(allowed(&kept), ["a", "b/c"]);
    let narrowed = two.publish_only(&paths(&["b", "a/x", "d"])).unwrap();
    assert_eq!(allowed(&narrowed), ["a/x", "b/c"]);
    assert!(two.publish_only(&paths(&["d"])).is_none());
    assert!(two.publish_only(&[]).is_none());
    assert!(two.consume_only(&paths(&["ab"])).is_none());
    assert!(two.consume().consume_only(&paths(&["d"])).is_none());
}

#[test]
fn a_root_is_stripped_from_every_path() {
    let Produce { producer, consumer } = Origin::produce();
    let room = producer.with_root("/room/".to_string()).unwrap();
    assert_eq!((room.root().as_str(), allowed(&room)), ("room", vec![""]));
    assert_eq!(room.absolute("cam").as_str(), "room/cam");
    let _cam = room.create_broadcast("cam").unwrap();
    let _room = room.create_broadcast("").unwrap();
    let _other = producer.create_broadcast("rooms/cam").unwrap();
    let mut inside = consumer.with_root("room").unwrap();
    assert_eq!(news(&mut inside), active(&["", "cam"]));
    assert!(at(&inside, "cam").is_some() && at(&consumer, "room/cam").is_some());
    let mut deeper = inside.with_root("cam").unwrap();
    assert_eq!(deeper.root().as_str(), "room/cam");
    assert_eq!(deeper.absolute("x").as_str(), "room/cam/x");
    assert_eq!(news(&mut deeper), active(&[""]));
}

#[test]
fn a_root_shortens_rights_and_needs_some_below_it() {
    let origin = Origin::produce().producer;
    let narrow = origin.publish_only(&paths(&["a/b", "a/c/d", "e"])).unwrap();
    assert_eq!(allowed(&narrow.with_root("a").unwrap()), ["b", "c/d"]);
    assert_eq!(allowed(&narrow.with_root("a/b").unwrap()), [""]);
    assert_eq!(allowed(&narrow.with_root("e/f").unwrap()), [""]);
    assert_eq!(
        allowed(&narrow.with_root("").unwrap()),
        ["a/b", "a/c/d", "e"]
    );
    assert!(narrow.with_root("a/x").is_none());
    assert!(narrow.consume().with_root("x").is_none());
    let inside = narrow.with_root("a").unwrap();
    assert!(inside.create_broadcast("b/x").is_some());
    assert!(inside.create_broadcast("c").is_none());
}

#[test]
fn prefixes_that_overlap_announce_once() {
    let Produce { producer, consumer } = Origin::produce();
    for prefixes in [
        &["foo", "foo/bar"][..],
        &["foo/bar", "foo"],
        &["foo", "foo"],
    ] {
        let mut narrow = consumer.consume_only(&paths(prefixes)).unwrap();
        assert_eq!(
            narrow.allowed().map(Path::as_str).collect::<Vec<_>>(),
            ["foo"]
        );
        let broadcast = producer.create_broadcast("foo/bar").unwrap();
        assert_eq!(news(&mut narrow), active(&["foo/bar"]));
        assert_eq!(news(&mut narrow.clone()), active(&["foo/bar"]));
        drop(broadcast);
        assert_eq!(news(&mut narrow), ended("foo/bar"));
    }
}

#[test]
fn prefixes_of_any_script_match_whole_segments() {
    let Produce { producer, consumer } = Origin::produce();
    let _broadcasts = ["é/x", "éa/b", "éaé/b"].map(|path| producer.create_broadcast(path).unwrap());
    let mut narrow = consumer.consume_only(&paths(&["é"])).unwrap();
    assert_eq!(news(&mut narrow), active(&["é/x"]));
    let mut root = consumer.with_root("éaé".to_string()).unwrap();
    assert_eq!(news(&mut root), active(&["b"]));
    assert!(narrow.consume_broadcast("éa/b").is_none());
}

#[test]
fn an_origin_has_nothing_to_tell_when_producers_and_broadcasts_are_gone() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let broadcast = producer.create_broadcast("a").unwrap();
    drop(producer.clone());
    assert_eq!(news(&mut consumer), active(&["a"]));
    let mut waiting = Step::waiting(async { consumer.announced().await });
    drop(producer);
    assert!(waiting.poll().is_none(), "the broadcast may still end");
    drop(broadcast);
    let (path, gone) = waiting.done().unwrap();
    assert_eq!((path.as_str(), gone.is_none()), ("a", true));
    assert!(block_on(consumer.announced()).is_none());

    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let waiting = Step::waiting(async { consumer.announced().await.is_none() });
    drop(producer);
    assert!(waiting.done());
}

#[test]
fn a_dropped_wait_for_news_loses_none() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    drop(Step::waiting(consumer.announced()));
    let _broadcast = producer.create_broadcast("a").unwrap();
    let (path, _) = now(consumer.announced()).unwrap().unwrap();
    assert_eq!(path.as_str(), "a");
}

#[test]
fn a_consumer_can_be_dropped_at_any_time() {
    let Produce { producer, consumer } = Origin::produce();
    let narrow = consumer.consume_only(&paths(&["a", "a", "a/b"])).unwrap();
    let broadcast = producer.create_broadcast("a/b").unwrap();
    drop(narrow);
    drop(consumer);
    drop(broadcast);
    assert_eq!(news(&mut producer.consume()), []);
}

#[test]
fn a_path_may_be_empty() {
    let Produce {
        producer,
        mut consumer,
    } = Origin::produce();
    let _root = producer.create_broadcast("///").unwrap();
    assert_eq!(news(&mut consumer), active(&[""]));
    assert!(at(&consumer, "").is_some());
}
