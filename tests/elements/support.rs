//! A sink in a pipeline, pads that feed it, and a viewer without GStreamer.

use std::{
    sync::Once,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gst::prelude::*;
use gstmoq::{
    media::{Catalog, catalog, legacy},
    moq_lite::{BroadcastConsumer, Client, Origin, Server, Session, Track, TrackConsumer},
    net,
};

/// The longest that a test waits for something that must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().expect("GStreamer can be started");
        gstmoq::plugin_register_static().expect("the plugin can be registered");
    });
}

/// `moqsink` in a pipeline that stops when this is dropped.
pub(crate) struct Sink {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) element: gst::Element,
}

impl Sink {
    /// Serves the broadcast `cam` on a free port.
    pub(crate) fn listening() -> Self {
        let sink = Self::bare();
        sink.element.set_property("listen", "127.0.0.1:0");
        sink.element.set_property("broadcast", "cam");
        sink
    }

    /// As a user gets it.
    pub(crate) fn bare() -> Self {
        init();
        let pipeline = gst::Pipeline::new();
        let element = gst::ElementFactory::make("moqsink")
            .build()
            .expect("it is registered");
        pipeline.add(&element).expect("it is new");
        Self { pipeline, element }
    }

    pub(crate) fn set_state(&self, state: gst::State) {
        self.pipeline
            .set_state(state)
            .expect("the state can be reached");
    }

    /// A pad that feeds a new pad of the sink, with stream-start, caps and segment.
    pub(crate) fn feed(&self, caps: &str) -> Feed {
        let feed = self.feed_raw();
        assert!(feed.event(gst::event::StreamStart::new("test")));
        assert!(feed.caps(caps));
        assert!(feed.segment());
        feed
    }

    pub(crate) fn feed_raw(&self) -> Feed {
        let sink = self.element.request_pad_simple("sink_%u").expect("a pad");
        let pad = gst::Pad::builder(gst::PadDirection::Src).build();
        pad.set_active(true).expect("a lone pad can be active");
        pad.link(&sink)
            .expect("a pad without template can be linked");
        Feed { pad, sink }
    }

    pub(crate) fn address(&self) -> String {
        let address: Option<String> = self.element.property("listen-address");
        address.expect("it listens")
    }

    /// The error on the bus.
    pub(crate) fn error(&self) -> gst::glib::Error {
        let message = self.message(gst::MessageType::Error).expect("an error");
        match message.view() {
            gst::MessageView::Error(error) => error.error(),
            _ => unreachable!("it was filtered"),
        }
    }

    /// The next message of this type.
    pub(crate) fn message(&self, kind: gst::MessageType) -> Option<gst::Message> {
        let limit = gst::ClockTime::from_mseconds(LIMIT.as_millis() as u64);
        self.bus().timed_pop_filtered(limit, &[kind])
    }

    pub(crate) fn bus(&self) -> gst::Bus {
        self.pipeline.bus().expect("a pipeline has a bus")
    }

    pub(crate) fn stat(&self, name: &str) -> u64 {
        let stats: gst::Structure = self.element.property("stats");
        stats.get(name).expect("a counter")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Feeds one pad.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) pad: gst::Pad,
    pub(crate) sink: gst::Pad,
}

impl Feed {
    pub(crate) fn event(&self, event: gst::Event) -> bool {
        self.pad.push_event(event)
    }

    pub(crate) fn caps(&self, caps: &str) -> bool {
        let caps: gst::Caps = caps.parse().expect("caps");
        self.event(gst::event::Caps::new(&caps))
    }

    pub(crate) fn segment(&self) -> bool {
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        self.event(gst::event::Segment::new(&segment))
    }

    pub(crate) fn push(
        &self,
        pts: Option<u64>,
        payload: &'static [u8],
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut buffer = gst::Buffer::from_slice(payload);
        let times = buffer.get_mut().expect("it is new");
        times.set_pts(pts.map(gst::ClockTime::from_mseconds));
        times.set_duration(gst::ClockTime::from_mseconds(20));
        self.pad.push(buffer)
    }

    /// Pushes from a thread of its own.
    pub(crate) fn push_aside(
        &self,
        pts: u64,
    ) -> std::sync::mpsc::Receiver<Result<gst::FlowSuccess, gst::FlowError>> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let feed = self.clone();
        std::thread::spawn(move || sender.send(feed.push(Some(pts), b"aside")));
        receiver
    }
}

/// A session with a sink that listens.
pub(crate) struct Viewer {
    runtime: tokio::runtime::Runtime,
    broadcast: BroadcastConsumer,
    session: Session,
    _origin: gstmoq::moq_lite::OriginProducer,
}

impl Viewer {
    /// Connects, and waits for the broadcast `cam`.
    pub(crate) fn new(sink: &Sink) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let options = net::ConnectOptions {
            url: format!("moql://{}", sink.address()).parse().expect("a URL"),
            token: None,
            tls: net::Tls {
                disable_verify: true,
                ..net::Tls::default()
            },
            quic: net::Quic::default(),
            protocols: vec!["moql"],
            websocket: net::WebSocket::default(),
        };
        let origin = Origin::produce();
        let mut consumer = origin.consumer;
        let producer = origin.producer.clone();
        let (session, broadcast) = runtime.block_on(async move {
            let connected = net::connect(&options).await.expect("a connection");
            let client = Client::new().with_consume(producer);
            let session = client
                .connect(connected.transport)
                .await
                .expect("a session");
            let announced = tokio::time::timeout(LIMIT, consumer.announced());
            let (path, broadcast) = announced.await.expect("in time").expect("a broadcast");
            assert_eq!(path.as_str(), "cam");
            (session, broadcast.expect("it is there"))
        });
        Self {
            runtime,
            broadcast,
            session,
            _origin: origin.producer,
        }
    }

    pub(crate) fn catalog(&self) -> Catalog {
        let mut track = self.broadcast.subscribe_track(&Track::new(catalog::TRACK));
        let json = self.within(async {
            let mut group = track
                .next_group()
                .await
                .expect("no error")
                .expect("a catalog");
            group
                .read_frame()
                .await
                .expect("no error")
                .expect("one frame")
        });
        Catalog::from_slice(&json).expect("a catalog")
    }

    /// The next catalog that this reader has not seen.
    pub(crate) fn next_catalog(&self, track: &mut TrackConsumer) -> Catalog {
        let json = self.within(async {
            let group = track.next_group().await.expect("no error");
            let mut group = group.expect("a catalog");
            group.read_frame().await.expect("no error")
        });
        Catalog::from_slice(&json.expect("one frame")).expect("a catalog")
    }

    pub(crate) fn subscribe(&self, name: &str) -> TrackConsumer {
        self.broadcast.subscribe_track(&Track::new(name))
    }

    /// The samples of the next group: time in microseconds, and payload. `None` at the end.
    pub(crate) fn group(&self, track: &mut TrackConsumer) -> Option<Vec<(u64, Bytes)>> {
        self.within(async {
            let mut group = track.recv_group().await.expect("no error")?;
            let mut samples = Vec::new();
            while let Some(frame) = group.read_frame().await.expect("no error") {
                let (time, payload) = legacy::decode(frame).expect("a frame");
                samples.push((time.as_micros() as u64, payload));
            }
            Some(samples)
        })
    }

    /// The first frame of the next group as it is.
    pub(crate) fn frame(&self, track: &mut TrackConsumer) -> Bytes {
        self.within(async {
            let group = track.recv_group().await.expect("no error");
            let frame = group.expect("a group").read_frame().await;
            frame.expect("no error").expect("a frame")
        })
    }

    /// Waits until the session has ended, and the broadcast with it.
    pub(crate) fn ended(&self) {
        let _ = self.within(self.session.closed());
        self.within(self.broadcast.closed());
    }

    /// The first sample of the next group, which may still be growing.
    pub(crate) fn first(&self, track: &mut TrackConsumer) -> (u64, Bytes) {
        self.within(async {
            let group = track.recv_group().await.expect("no error");
            let frame = group
                .expect("a group")
                .read_frame()
                .await
                .expect("no error");
            let (time, payload) = legacy::decode(frame.expect("a frame")).expect("a sample");
            (time.as_micros() as u64, payload)
        })
    }

    fn within<F: Future>(&self, future: F) -> F::Output {
        self.runtime
            .block_on(async { tokio::time::timeout(LIMIT, future).await.expect("in time") })
    }
}

/// A server that takes what is published to it, as a relay does.
pub(crate) struct Relay {
    runtime: tokio::runtime::Runtime,
    listener: Option<net::Listener>,
    pub(crate) address: String,
}

impl Relay {
    pub(crate) fn new(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let options = net::ListenOptions {
            address: address.to_owned(),
            identity: None,
            http_root: None,
            quic: net::Quic::default(),
            protocols: vec!["moql"],
        };
        let listener = runtime
            .block_on(net::Listener::bind(&options))
            .expect("a port");
        Self {
            address: listener.local_addr().to_string(),
            listener: Some(listener),
            runtime,
        }
    }

    /// Takes a session and waits for the first broadcast on it; gives its path. The session lives as
    /// long as what is returned.
    pub(crate) fn accept(&mut self) -> (Session, String) {
        let listener = self.listener.as_mut().expect("it is open");
        self.runtime.block_on(async {
            let accept = async {
                let accepted = listener.accept().await.expect("a connection");
                let origin = Origin::produce();
                let mut consumer = origin.consumer;
                let server = Server::new().with_consume(origin.producer);
                let session = server.accept(accepted.transport).await.expect("a session");
                let (path, _) = consumer.announced().await.expect("a broadcast");
                (session, path.to_string())
            };
            tokio::time::timeout(LIMIT, accept).await.expect("in time")
        })
    }
}

/// Fails when `work` takes longer than it may.
pub(crate) fn quickly<T>(work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = work();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    result
}
