//! A publisher that tests command, and a pipeline that notes what moqsrc does.

use std::{
    collections::HashMap,
    sync::{
        Mutex, Once,
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gst::prelude::*;
use gstmoq::{
    media::{AudioConfig, Catalog, Config, Micros, VideoConfig, catalog, catalog::Clock, legacy},
    moq_lite::{
        BroadcastProducer, Client, GroupProducer, Origin, OriginProducer, Server, Track,
        TrackProducer,
    },
    net::{ConnectOptions, ListenOptions, Listener, Quic, Tls, WebSocket, connect},
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(15);
const PROTOCOLS: &[&str] = &["moql"];

pub(crate) fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().expect("GStreamer is installed");
        gstmoq::plugin_register_static().expect("the plugin registers");
    });
}

pub(crate) fn video(width: u32, height: u32) -> Config {
    Config::Video(VideoConfig {
        codec: "avc3.42c01f".into(),
        coded_width: Some(width),
        coded_height: Some(height),
        framerate: Some(30.0),
        ..Default::default()
    })
}

pub(crate) fn audio() -> Config {
    Config::Audio(AudioConfig {
        codec: "opus".into(),
        sample_rate: 48_000,
        number_of_channels: 2,
        ..Default::default()
    })
}

/// A server that serves one origin, or a client that publishes it.
pub(crate) struct Publisher {
    _runtime: tokio::runtime::Runtime,
    origin: OriginProducer,
    url: String,
    fingerprint: String,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        init();
        let runtime = runtime();
        let origin = Origin::produce().producer;
        let options = ListenOptions {
            address: "127.0.0.1:0".into(),
            identity: None,
            http_root: None,
            quic: Quic::default(),
            protocols: PROTOCOLS.to_vec(),
        };
        let mut listener = runtime
            .block_on(Listener::bind(&options))
            .expect("a free port");
        let url = format!("moql://{}", listener.local_addr());
        let fingerprint = listener.fingerprint().to_string();
        let published = origin.consume();
        runtime.spawn(async move {
            while let Some(accepted) = listener.accept().await {
                let server = Server::new().with_publish(published.consume());
                tokio::spawn(async move {
                    if let Ok(session) = server.accept(accepted.transport).await {
                        let _ = session.closed().await;
                    }
                });
            }
        });
        Self {
            _runtime: runtime,
            origin,
            url,
            fingerprint,
        }
    }

    /// Connects to an element that listens.
    pub(crate) fn dialling(element: &gst::Element) -> Self {
        let runtime = runtime();
        let origin = Origin::produce().producer;
        let address: String = element.property("listen-address");
        let published = origin.consume();
        let options = ConnectOptions {
            url: format!("moql://{address}").parse().expect("a URL"),
            token: None,
            tls: Tls {
                disable_verify: true,
                ..Default::default()
            },
            quic: Quic::default(),
            protocols: PROTOCOLS.to_vec(),
            websocket: WebSocket::default(),
        };
        runtime.spawn(async move {
            let connected = connect(&options).await.expect("it listens");
            let client = Client::new().with_publish(published);
            let session = client
                .connect(connected.transport)
                .await
                .expect("it answers");
            let _ = session.closed().await;
        });
        Self {
            _runtime: runtime,
            origin,
            url: String::new(),
            fingerprint: String::new(),
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        let port = self
            .url
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        port.expect("it listens")
    }

    /// A broadcast with these tracks.
    pub(crate) fn camera(&self, path: &str, tracks: &[(&str, Config)]) -> Camera {
        let mut broadcast = self.origin.create_broadcast(path).expect("allowed");
        let name = catalog::TRACK;
        let catalog = broadcast.create_track(Track {
            name: name.into(),
            priority: 100,
        });
        let mut camera = Camera {
            broadcast,
            catalog,
            tracks: HashMap::new(),
            written: 0,
            clock: None,
        };
        camera.announce(tracks);
        camera
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A broadcast. Dropping it breaks it off.
pub(crate) struct Camera {
    broadcast: BroadcastProducer,
    catalog: TrackProducer,
    tracks: HashMap<String, (TrackProducer, Option<GroupProducer>)>,
    /// Wraps: only tests that write little look at it.
    written: u8,
    /// What the catalog says of the time of day, from the next one on.
    pub(crate) clock: Option<Clock>,
}

impl Camera {
    /// Publishes a catalog of these renditions.
    pub(crate) fn announce(&mut self, tracks: &[(&str, Config)]) {
        let mut catalog = Catalog {
            clock: self.clock,
            ..Catalog::default()
        };
        for (name, config) in tracks {
            catalog.insert(*name, config.clone());
            let broadcast = &mut self.broadcast;
            self.tracks
                .entry((*name).to_owned())
                .or_insert_with(|| (broadcast.create_track(Track::new(*name)), None));
        }
        self.catalog.write_frame(catalog.to_bytes()).expect("open");
    }

    /// A sample whose first byte counts the samples of this camera.
    pub(crate) fn write(&mut self, track: &str, time: u64, keyframe: bool) {
        self.write_sized(track, time, keyframe, 9);
    }

    /// A sample of so many bytes, nine at least.
    pub(crate) fn write_sized(&mut self, track: &str, time: u64, keyframe: bool, size: usize) {
        let (track, group) = self.tracks.get_mut(track).expect("a track of this camera");
        if keyframe {
            if let Some(group) = group.take() {
                group.close();
            }
            *group = Some(track.append_group().expect("open"));
        }
        let group = group.as_mut().expect("the first sample is a keyframe");
        let mut payload = vec![self.written];
        payload.extend_from_slice(&time.to_be_bytes());
        payload.resize(size.max(9), 0);
        let header = legacy::encode_timestamp(Micros::new_u64(time).expect("small"));
        group
            .write_frame_chunks([header, Bytes::from(payload)])
            .expect("open");
        self.written = self.written.wrapping_add(1);
    }

    /// Breaks one track off.
    pub(crate) fn abort(&mut self, track: &str) {
        let (track, _) = self.tracks.remove(track).expect("a track of this camera");
        track.abort(gstmoq::moq_lite::Error::App(7));
    }

    /// Whether anybody reads the track.
    pub(crate) fn is_read(&self, track: &str) -> bool {
        let (track, _) = self.tracks.get(track).expect("a track of this camera");
        let unused = std::pin::pin!(track.unused());
        let mut context = Context::from_waker(Waker::noop());
        unused.poll(&mut context).is_pending()
    }

    /// Pictures, and from `audio` on sound, at the pace of their timestamps.
    pub(crate) fn live(&mut self, duration: Duration, audio: Duration) {
        let begin = Instant::now();
        let (mut picture, mut sound) = (0_u64, audio.as_micros() as u64);
        loop {
            let next = Duration::from_micros(picture.min(sound));
            if next >= duration {
                return;
            }
            std::thread::sleep(next.saturating_sub(begin.elapsed()));
            if picture <= sound {
                self.write("picture", picture, picture == 0);
                picture += 33_333;
            } else {
                self.write("sound", sound, true);
                sound += 20_000;
            }
        }
    }

    /// Ends the broadcast in order.
    pub(crate) fn end(mut self) {
        for (_, (track, group)) in self.tracks.drain() {
            if let Some(group) = group {
                group.close();
            }
            track.close();
        }
        self.catalog.close();
        self.broadcast.close();
    }
}

/// What moqsrc did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Pad(String),
    Removed(String),
    NoMorePads,
    Buffer {
        pad: String,
        /// `None` for what is not shown.
        running_time: Option<gst::ClockTime>,
        flags: gst::BufferFlags,
        payload: Vec<u8>,
        /// The media time that the publisher gave it.
        media: u64,
        width: Option<i32>,
    },
    Eos(String),
}

/// A pipeline that plays what moqsrc gives it.
pub(crate) struct Player {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) element: gst::Element,
    seen: Mutex<Receiver<Seen>>,
}

impl Player {
    /// Links every pad.
    pub(crate) fn new(publisher: &Publisher, broadcast: &str) -> Self {
        Self::linking(publisher, broadcast, |_| true)
    }

    /// Links the pads that `wanted` accepts.
    pub(crate) fn linking(
        publisher: &Publisher,
        broadcast: &str,
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let player = Self::stopped(broadcast, wanted);
        player.element.set_property("url", &publisher.url);
        player
            .element
            .set_property("certificate-fingerprints", &publisher.fingerprint);
        player
    }

    /// Waits for a publisher.
    pub(crate) fn listening(broadcast: &str) -> Self {
        let player = Self::stopped(broadcast, |_| true);
        player.element.set_property("listen", "127.0.0.1:0");
        player
    }

    fn stopped(broadcast: &str, wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let element = gst::ElementFactory::make("moqsrc")
            .property("broadcast", broadcast)
            .build()
            .expect("the element exists");
        let pipeline = gst::Pipeline::new();
        pipeline.add(&element).expect("empty");
        let (sender, seen) = channel();
        let (added, removed, no_more) = (sender.clone(), sender.clone(), sender);
        let weak = pipeline.downgrade();
        element.connect_pad_added(move |_, pad| {
            watch(pad, added.clone());
            let _ = added.send(Seen::Pad(pad.name().to_string()));
            if wanted(&pad.name())
                && let Some(pipeline) = weak.upgrade()
            {
                link(&pipeline, pad);
            }
        });
        element.connect_pad_removed(move |_, pad| {
            let _ = removed.send(Seen::Removed(pad.name().to_string()));
        });
        element.connect_no_more_pads(move |_| {
            let _ = no_more.send(Seen::NoMorePads);
        });
        Self {
            pipeline,
            element,
            seen: Mutex::new(seen),
        }
    }

    pub(crate) fn play(&self) {
        self.pipeline.set_state(gst::State::Playing).expect("plays");
    }

    /// Stops, in far less time than any timeout.
    pub(crate) fn stop(&self) {
        let begin = Instant::now();
        self.pipeline.set_state(gst::State::Null).expect("stops");
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "{:?}",
            begin.elapsed()
        );
    }

    /// Takes out the sinks of pads that are gone.
    pub(crate) fn forget_links(&self) {
        for element in self.pipeline.children() {
            if element != self.element {
                element.set_state(gst::State::Null).expect("it stops");
                self.pipeline.remove(&element).expect("it is there");
            }
        }
    }

    pub(crate) fn pad(&self, name: &str) -> gst::Pad {
        self.element.static_pad(name).expect("the pad is there")
    }

    pub(crate) fn link(&self, pad: &gst::Pad) {
        link(&self.pipeline, pad);
    }

    /// Everything that happened until `last`, which has to come.
    pub(crate) fn until(&self, mut last: impl FnMut(&Seen) -> bool) -> Vec<Seen> {
        let receiver = self.seen.lock().expect("no test panics twice");
        let mut all = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let Ok(seen) = receiver.recv_timeout(rest) else {
                panic!("what was waited for did not come after {all:?}");
            };
            all.push(seen);
            if all.last().is_some_and(&mut last) {
                return all;
            }
        }
    }

    /// What happened and was not looked at.
    pub(crate) fn rest(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .expect("no test panics twice")
            .try_iter()
            .collect()
    }

    /// Everything until each of these pads had a buffer.
    pub(crate) fn until_buffers(&self, pads: &[&str]) -> Vec<Seen> {
        let mut missing = pads.to_vec();
        self.until(|seen| {
            if let Seen::Buffer { pad, .. } = seen {
                missing.retain(|name| name != pad);
            }
            missing.is_empty()
        })
    }

    /// Writes keyframes until one has caps of this width: catalog and media race each other.
    pub(crate) fn until_width(&self, expected: i32, mut write: impl FnMut(u64)) {
        for frame in 1..250 {
            write(frame * 20_000);
            let receiver = self.seen.lock().expect("no test panics twice");
            match receiver.recv_timeout(Duration::from_millis(20)) {
                Ok(Seen::Buffer { width, .. }) if width == Some(expected) => return,
                _ => {}
            }
        }
        panic!("no buffer of width {expected}");
    }

    /// Writes keyframes until one is refused because of a flush.
    pub(crate) fn until_refused(&self, pad: &str, mut write: impl FnMut(u64)) {
        let pad = self.pad(pad);
        for frame in 1..250 {
            write(frame * 20_000);
            let receiver = self.seen.lock().expect("no test panics twice");
            let _ = receiver.recv_timeout(Duration::from_millis(20));
            if pad.last_flow_result() == Err(gst::FlowError::Flushing) {
                return;
            }
        }
        panic!("nothing was refused");
    }

    /// The next message on the bus of which this is true.
    pub(crate) fn message(&self, wanted: impl Fn(&gst::MessageRef) -> bool) -> gst::Message {
        let bus = self.pipeline.bus().expect("a pipeline has one");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let rest = gst::ClockTime::from_nseconds(rest.as_nanos() as u64);
            let message = bus.timed_pop(rest).expect("the message has to come");
            if wanted(&message) {
                return message;
            }
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn link(pipeline: &gst::Pipeline, pad: &gst::Pad) {
    let sink = gst::ElementFactory::make("fakesink")
        .property("sync", false)
        .property("async", false)
        .build()
        .expect("every installation has it");
    pipeline.add(&sink).expect("it is new");
    sink.sync_state_with_parent().expect("it changes");
    let peer = sink.static_pad("sink").expect("it has one");
    pad.link(&peer).expect("it takes anything");
}

fn watch(pad: &gst::Pad, seen: Sender<Seen>) {
    let types = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(types, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            let segment = pad
                .sticky_event::<gst::event::Segment>(0)
                .expect("before any buffer");
            let segment = segment.segment().downcast_ref::<gst::ClockTime>().cloned();
            let payload = buffer.map_readable().expect("system memory").to_vec();
            let caps = pad.current_caps().expect("before any buffer");
            let media = payload[1..9].try_into().expect("eight bytes");
            let _ = seen.send(Seen::Buffer {
                pad: pad.name().to_string(),
                running_time: segment.and_then(|segment| segment.to_running_time(buffer.pts())),
                flags: buffer.flags() & (gst::BufferFlags::DISCONT | gst::BufferFlags::DELTA_UNIT),
                payload,
                media: u64::from_be_bytes(media),
                width: caps.structure(0).and_then(|caps| caps.get("width").ok()),
            });
        } else if info
            .event()
            .is_some_and(|event| event.type_() == gst::EventType::Eos)
        {
            let _ = seen.send(Seen::Eos(pad.name().to_string()));
        }
        gst::PadProbeReturn::Ok
    });
}
