//! The same few verbs on each of the models that are compared.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;

/// One implementation. A frame is written with its time where it has one. Every future that is awaited here must be ready: nothing waits in these measurements.
pub(crate) trait Model {
    /// A group in a track in a broadcast, and what keeps it alive.
    type Group;
    type Reader;
    /// An origin with broadcasts, and what keeps them alive.
    type Origin;

    fn group() -> Self::Group;
    fn write(group: &mut Self::Group, frame: Bytes);
    fn reader(group: &Self::Group) -> Self::Reader;
    fn read(reader: &mut Self::Reader) -> Bytes;

    /// Whether there is an origin at all.
    const ANNOUNCES: bool = true;

    fn origin(broadcasts: usize) -> Self::Origin;
    /// How many broadcasts a new consumer is told of at once.
    fn announced(origin: &Self::Origin) -> usize;
}

pub(crate) struct Ours;

impl Model for Ours {
    type Group = (
        gstmoq::moq_lite::BroadcastProducer,
        gstmoq::moq_lite::TrackProducer,
        gstmoq::moq_lite::GroupProducer,
    );
    type Reader = gstmoq::moq_lite::GroupConsumer;
    type Origin = (
        gstmoq::moq_lite::OriginProducer,
        Vec<gstmoq::moq_lite::BroadcastProducer>,
    );

    fn group() -> Self::Group {
        let mut broadcast = gstmoq::moq_lite::Broadcast::produce().producer;
        let mut track = broadcast.create_track(gstmoq::moq_lite::Track::new("video"));
        let group = track.append_group().expect("the track is open");
        (broadcast, track, group)
    }

    fn write(group: &mut Self::Group, frame: Bytes) {
        let time = gstmoq::moq_lite::Timestamp::ZERO;
        let written = group.2.write_frame_at(time, [frame]);
        written.expect("the group has room");
    }

    fn reader(group: &Self::Group) -> Self::Reader {
        group.2.consume()
    }

    fn read(reader: &mut Self::Reader) -> Bytes {
        let frame = ready(reader.read_frame());
        frame.expect("the group is whole").expect("a frame waits")
    }

    fn origin(broadcasts: usize) -> Self::Origin {
        let origin = gstmoq::moq_lite::Origin::produce().producer;
        let broadcasts = (0..broadcasts)
            .map(|index| {
                origin
                    .create_broadcast(path(index))
                    .expect("it has a place")
            })
            .collect();
        (origin, broadcasts)
    }

    fn announced(origin: &Self::Origin) -> usize {
        let mut consumer = origin.0.consume();
        std::iter::from_fn(|| consumer.try_announced()).count()
    }
}

pub(crate) struct First;

impl Model for First {
    type Group = (
        moq_lite::BroadcastProducer,
        moq_lite::TrackProducer,
        moq_lite::GroupProducer,
    );
    type Reader = moq_lite::GroupConsumer;
    type Origin = (moq_lite::OriginProducer, Vec<moq_lite::BroadcastProducer>);

    fn group() -> Self::Group {
        let mut broadcast = moq_lite::Broadcast::produce().producer;
        let mut track = broadcast.create_track(moq_lite::Track::new("video"));
        let group = track.append_group();
        (broadcast, track, group)
    }

    fn write(group: &mut Self::Group, frame: Bytes) {
        group.2.write_frame(frame);
    }

    fn reader(group: &Self::Group) -> Self::Reader {
        group.2.consume()
    }

    fn read(reader: &mut Self::Reader) -> Bytes {
        let frame = ready(reader.read_frame());
        frame.expect("the group is whole").expect("a frame waits")
    }

    fn origin(broadcasts: usize) -> Self::Origin {
        let origin = moq_lite::Origin::produce().producer;
        let broadcasts = (0..broadcasts)
            .map(|index| {
                origin
                    .create_broadcast(path(index))
                    .expect("it has a place")
            })
            .collect();
        (origin, broadcasts)
    }

    fn announced(origin: &Self::Origin) -> usize {
        let mut consumer = origin.0.consume();
        std::iter::from_fn(|| consumer.try_announced()).count()
    }
}

pub(crate) struct Newest;

impl Model for Newest {
    type Group = (
        moq_net::broadcast::Producer,
        moq_net::track::Producer,
        moq_net::group::Producer,
    );
    type Reader = moq_net::group::Consumer;
    type Origin = (
        moq_net::origin::Producer,
        moq_net::origin::Driver,
        Vec<moq_net::broadcast::Producer>,
    );

    fn group() -> Self::Group {
        let broadcast = moq_net::broadcast::Info::new().produce();
        let info = moq_net::track::Info::default().with_timescale(moq_net::Timescale::MICRO);
        let track = broadcast
            .create_track("video", info)
            .expect("the name is free");
        let group = track.append_group().expect("the track is open");
        (broadcast, track, group)
    }

    fn write(group: &mut Self::Group, frame: Bytes) {
        let time = moq_net::Timestamp::ZERO;
        group
            .2
            .write_frame(time, frame)
            .expect("the group has room");
    }

    fn reader(group: &Self::Group) -> Self::Reader {
        group.2.consume()
    }

    fn read(reader: &mut Self::Reader) -> Bytes {
        let frame = ready(reader.read_frame());
        frame
            .expect("the group is whole")
            .expect("a frame waits")
            .payload
    }

    fn origin(broadcasts: usize) -> Self::Origin {
        let (origin, driver) = moq_net::origin::Producer::new(moq_net::origin::Config::default());
        let broadcasts = (0..broadcasts)
            .map(|index| {
                let route = moq_net::origin::Route::default();
                origin.publish(path(index), route).expect("it has a place")
            })
            .collect();
        (origin, driver, broadcasts)
    }

    fn announced(origin: &Self::Origin) -> usize {
        let mut consumer = origin.0.consume().announced();
        std::iter::from_fn(|| poll(consumer.next()).flatten()).count()
    }
}

/// The least that a model costs that shares payload without a copy and behind a lock: nothing waits here, nothing ends,
/// and nothing is bounded.
pub(crate) struct Floor;

impl Model for Floor {
    type Group = Arc<Mutex<Vec<(u64, Bytes)>>>;
    type Reader = (Self::Group, usize);
    type Origin = ();

    fn group() -> Self::Group {
        Self::Group::default()
    }

    fn write(group: &mut Self::Group, frame: Bytes) {
        group.lock().push((0, frame));
    }

    fn reader(group: &Self::Group) -> Self::Reader {
        (group.clone(), 0)
    }

    fn read((group, index): &mut Self::Reader) -> Bytes {
        let frame = group.lock()[*index].1.clone();
        *index += 1;
        frame
    }

    const ANNOUNCES: bool = false;

    fn origin(_: usize) -> Self::Origin {}

    fn announced((): &Self::Origin) -> usize {
        0
    }
}

fn path(index: usize) -> String {
    format!("room-{}/camera-{index}", index % 100)
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    poll(future).expect("nothing is waited for")
}

fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
