//! A publisher that tests command.

use std::{
    collections::HashMap,
    sync::Once,
    task::{Context, Waker},
    time::Duration,
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

use crate::pace::Pace;

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
    runtime: tokio::runtime::Runtime,
    origin: OriginProducer,
    pub(crate) url: String,
    pub(crate) fingerprint: String,
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
            runtime,
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
            runtime,
            origin,
            url: String::new(),
            fingerprint: String::new(),
        }
    }

    /// How many tasks there are: those of the port, and those of each session.
    pub(crate) fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
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

    /// A group of one frame that no container knows.
    pub(crate) fn write_noise(&mut self, track: &str) {
        let (track, group) = self.tracks.get_mut(track).expect("a track of this camera");
        *group = None;
        let mut group = track.append_group().expect("open");
        // The time would have seven bytes more.
        let noise = Bytes::from_static(&[0xff]);
        group.write_frame_chunks([noise]).expect("open");
        group.close();
    }

    /// Breaks one track off.
    pub(crate) fn abort(&mut self, track: &str) {
        let (track, _) = self.tracks.remove(track).expect("a track of this camera");
        track.abort(gstmoq::moq_lite::Error::App(7));
    }

    /// Whether the track has a group, which the next sample may be of.
    pub(crate) fn has_begun(&self, track: &str) -> bool {
        let (_, group) = self.tracks.get(track).expect("a track of this camera");
        group.is_some()
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
        let pace = Pace::new();
        let (mut picture, mut sound) = (0_u64, audio.as_micros() as u64);
        loop {
            let next = Duration::from_micros(picture.min(sound));
            if next >= duration {
                return;
            }
            pace.wait_until(next);
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
