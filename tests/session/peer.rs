//! The other end: a whole session, or a peer that the test plays by hand.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gstmoq::moq_lite::{
    BroadcastConsumer, Client, Origin, OriginConsumer, OriginProducer, Path, Server, Session,
    Track, TrackConsumer,
    coding::{self, Encode, Reader, Writer},
    lite::{
        self, Announce, AnnounceInit, AnnounceOk, AnnouncePlease, ControlType, Cost, DataType,
        Group, Hops, Route, Subscribe, SubscribeOk, SubscribeReply, TrackInfo, TrackRequest,
        Version,
    },
};
use web_transport_trait::Session as _;

use crate::common::{
    transport::{self, Config, Link, RecvStream, SendStream},
    versions::Forced,
    within,
};

/// Two sessions; each side publishes from an origin and consumes into another.
pub(super) struct Pair {
    pub(super) client: Side,
    pub(super) server: Side,
    pub(super) link: Link,
}

pub(super) struct Side {
    pub(super) session: Session,
    pub(super) publish: OriginProducer,
    pub(super) consume: OriginConsumer,
}

/// Both sides publish what is in these origins from the start.
pub(super) async fn pair_with(config: Config, publish: [OriginProducer; 2]) -> Pair {
    pair_of(config, Client::new(), publish).await
}

/// Two sessions of this version.
pub(super) async fn pair_in(version: Forced) -> Pair {
    let config = Config {
        protocol: Some(version.protocol),
        ..Config::default()
    };
    let client = Client::new().with_versions([version.number]);
    pair_of(config, client, Default::default()).await
}

async fn pair_of(config: Config, connecting: Client, publish: [OriginProducer; 2]) -> Pair {
    let (client, server, link) = transport::connect(config);
    let consume = [Origin::produce(), Origin::produce()];
    let connecting = connecting
        .with_publish(publish[0].consume())
        .with_consume(consume[0].producer.clone());
    let accepting = Server::new()
        .with_publish(publish[1].consume())
        .with_consume(consume[1].producer.clone());
    let sessions = async { tokio::try_join!(connecting.connect(client), accepting.accept(server)) };
    let (client, server) = within(sessions).await.unwrap();
    let side = |session, publish, consume| Side {
        session,
        publish,
        consume,
    };
    let [client_publish, server_publish] = publish;
    let [client_consume, server_consume] = consume.map(|origin| origin.consumer);
    Pair {
        client: side(client, client_publish, client_consume),
        server: side(server, server_publish, server_consume),
        link,
    }
}

pub(super) async fn pair(config: Config) -> Pair {
    pair_with(
        config,
        [OriginProducer::default(), OriginProducer::default()],
    )
    .await
}

/// Waits until `path` is announced.
pub(super) async fn announced(origin: &OriginConsumer, path: &str) -> BroadcastConsumer {
    let mut origin = origin.clone();
    within(async {
        loop {
            match origin.announced().await.expect("the origin lives") {
                (at, Some(broadcast)) if at.as_str() == path => return broadcast,
                _ => {}
            }
        }
    })
    .await
}

/// Waits until there is no broadcast at `path`.
pub(super) async fn gone(origin: &OriginConsumer, path: &str) {
    if let Some(broadcast) = origin.consume_broadcast(path) {
        within(broadcast.closed()).await;
    }
    assert!(origin.consume_broadcast(path).is_none());
}

/// All frames of the next group.
pub(super) async fn next_group(track: &mut TrackConsumer) -> (u64, Vec<Bytes>) {
    within(async {
        let mut group = track.recv_group().await.unwrap().expect("a group comes");
        let mut frames = Vec::new();
        while let Some(frame) = group.read_frame().await.unwrap() {
            frames.push(frame);
        }
        (group.info.sequence, frames)
    })
    .await
}

pub(super) type Stream = coding::Stream<transport::Session, Version>;

/// A peer that the test plays by hand.
pub(super) struct Peer {
    pub(super) transport: transport::Session,
    pub(super) link: Link,
    /// The stream of SETUP, which lives as long as the session.
    pub(super) setup: Option<Setup>,
    pub(super) version: Version,
}

pub(super) type Setup = (SendStream, RecvStream);

impl Peer {
    /// A client of a session that publishes what is in `publish`.
    pub(super) async fn client(version: Version, publish: OriginConsumer) -> (Session, Self) {
        Self::client_over(Config::default(), version, publish).await
    }

    pub(super) async fn client_over(
        config: Config,
        version: Version,
        publish: OriginConsumer,
    ) -> (Session, Self) {
        let (client, server, link) = transport::connect(over(config, version));
        let accepting = Server::new().with_publish(publish);
        let setup = async {
            if version >= Version::Draft03 {
                set_up(&client, version, &lite::Setup::default()).await;
                return None;
            }
            let (mut send, mut recv) = client.open_bi().await.unwrap();
            let mut offer = vec![0x20, 0, 10, 1];
            offer.extend(number(version));
            offer.push(0);
            send_all(&mut send, &offer).await;
            read_all(&mut recv, 12).await;
            Some((send, recv))
        };
        let (session, setup) =
            within(async { tokio::join!(accepting.accept(server), setup) }).await;
        let peer = Self {
            transport: client,
            link,
            setup,
            version,
        };
        (session.unwrap(), peer)
    }

    /// A server of a session that consumes; it has announced `paths`. The last
    /// part is its side of the announcements.
    pub(super) async fn server(
        version: Version,
        paths: &[&str],
    ) -> (Session, OriginConsumer, Self, Stream) {
        let (client, server, link) = transport::connect(over(Config::default(), version));
        let origin = Origin::produce();
        let connecting = Client::new().with_consume(origin.producer);
        let serving = async {
            let setup = if version >= Version::Draft03 {
                set_up(&server, version, &lite::Setup::default()).await;
                None
            } else {
                let (mut send, mut recv) = server.accept_bi().await.unwrap();
                read_all(&mut recv, 21).await;
                let mut answer = vec![0x21, 0, 9];
                answer.extend(number(version));
                answer.push(0);
                send_all(&mut send, &answer).await;
                Some((send, recv))
            };
            let mut announce = Stream::accept(&server, version).await.unwrap();
            let kind: ControlType = announce.reader.decode().await.unwrap();
            assert_eq!(kind, ControlType::Announce);
            let _: AnnouncePlease = announce.reader.decode().await.unwrap();
            if version < Version::Draft03 {
                let suffixes = paths.iter().map(|path| Path::new(path)).collect();
                let init = AnnounceInit { suffixes };
                announce.writer.encode(&init).await.unwrap();
            } else {
                if version >= Version::Draft05 {
                    let active = paths.len() as u64;
                    let ok = AnnounceOk { hop: HOP, active };
                    announce.writer.encode(&ok).await.unwrap();
                }
                for path in paths {
                    start(&mut announce, version, path, &[]).await;
                }
            }
            (setup, announce)
        };
        let (session, (setup, announce)) =
            within(async { tokio::join!(connecting.connect(client), serving) }).await;
        let peer = Self {
            transport: server,
            link,
            setup,
            version,
        };
        // Versions 03 and 04 do not tell how many come.
        for path in paths {
            if matches!(version, Version::Draft03 | Version::Draft04) {
                announced(&origin.consumer, path).await;
            }
        }
        (session.unwrap(), origin.consumer, peer, announce)
    }

    /// Opens a stream and writes its first message.
    pub(super) async fn request<T>(&self, kind: ControlType, message: &T) -> Stream
    where
        T: Encode<Version> + std::fmt::Debug,
    {
        let mut stream = Stream::open(&self.transport, self.version).await.unwrap();
        stream.writer.encode(&kind).await.unwrap();
        stream.writer.encode(message).await.unwrap();
        stream
    }

    pub(super) async fn announce_please(&self, prefix: &str) -> Stream {
        let prefix = Path::new(prefix);
        self.request(
            ControlType::Announce,
            &AnnouncePlease {
                prefix,
                exclude_hop: 0,
            },
        )
        .await
    }

    pub(super) async fn subscribe(&self, id: u64, path: &str, track: &str) -> Stream {
        let message = Subscribe {
            id,
            broadcast: Path::new(path),
            track: track.into(),
            priority: 7,
            max_age: Duration::from_secs(5),
            start: None,
            end: None,
            frame_start: 0,
            frame_end: None,
        };
        self.request(ControlType::Subscribe, &message).await
    }

    /// Accepts the subscription that comes next: its id and its stream.
    pub(super) async fn accept_subscribe(&self) -> (Subscribe<'static>, Stream) {
        within(async {
            let mut stream = Stream::accept(&self.transport, self.version).await.unwrap();
            let kind: ControlType = stream.reader.decode().await.unwrap();
            assert_eq!(kind, ControlType::Subscribe);
            let request: Subscribe = stream.reader.decode().await.unwrap();
            (request, stream)
        })
        .await
    }

    pub(super) async fn accept_subscribe_ok(&self) -> (u64, Stream) {
        let (request, mut stream) = self.accept_subscribe().await;
        if self.version < Version::Draft05 {
            let answer = SubscribeOk {
                priority: 0,
                max_age: request.max_age,
                start: None,
                end: None,
            };
            let answer = SubscribeReply::Ok(answer);
            stream.writer.encode(&answer).await.unwrap();
        } else {
            self.accept_track(60, 1_000_000).await;
        }
        (request.id, stream)
    }

    /// Accepts the request for a track's information and answers it.
    pub(super) async fn accept_track(&self, priority: u8, timescale: u64) {
        within(async {
            let mut stream = Stream::accept(&self.transport, self.version).await.unwrap();
            let kind: ControlType = stream.reader.decode().await.unwrap();
            assert_eq!(kind, ControlType::Track);
            let _: TrackRequest = stream.reader.decode().await.unwrap();
            let info = TrackInfo {
                priority,
                max_age: Duration::from_secs(30),
                timescale,
            };
            stream.writer.encode(&info).await.unwrap();
            stream.writer.finish().unwrap();
        })
        .await
    }

    /// Opens the stream of a group and writes its header.
    pub(super) async fn group(&self, subscribe: u64, sequence: u64) -> Writer<SendStream, Version> {
        let stream = within(self.transport.open_uni()).await.unwrap();
        let mut writer = Writer::new(stream, self.version);
        let mut head = BytesMut::new();
        DataType::Group.encode(&mut head, self.version).unwrap();
        let group = Group {
            subscribe,
            sequence,
            frame_start: 0,
        };
        group.encode(&mut head, self.version).unwrap();
        writer.write_chunk(head.freeze()).await.unwrap();
        writer
    }

    /// A whole group of one frame.
    pub(super) async fn send_group(&self, subscribe: u64, sequence: u64, frame: &str) {
        let mut group = self.group(subscribe, sequence).await;
        if self.version >= Version::Draft05 {
            group.encode(&0u64).await.unwrap();
        }
        group.encode(&frame).await.unwrap();
        group.finish().unwrap();
    }

    /// Accepts the stream of a group and reads its header.
    pub(super) async fn accept_group(&self) -> (Group, Reader<RecvStream, Version>) {
        within(async {
            loop {
                let stream = self.transport.accept_uni().await.unwrap();
                let mut reader = Reader::new(stream, self.version);
                match reader.decode().await.unwrap() {
                    DataType::Group => return (reader.decode().await.unwrap(), reader),
                    DataType::Setup => {
                        let _: lite::Setup = reader.decode().await.unwrap();
                    }
                }
            }
        })
        .await
    }

    /// That the session still serves: another subscription is answered.
    pub(super) async fn assert_serves(&self, path: &str) {
        let mut stream = self.subscribe(99, path, "still there").await;
        let _: SubscribeOk = within(stream.reader.decode()).await.unwrap();
        assert_eq!(self.link.end(), None);
    }
}

/// Announces a broadcast.
pub(super) async fn start(stream: &mut Stream, version: Version, path: &str, hops: &[u64]) {
    let suffix = Path::new(path);
    let hops = Hops::try_from(hops.to_vec()).unwrap();
    if version >= Version::Draft06 {
        let cost = Cost::default();
        let start = Route::Start { suffix, hops, cost };
        stream.writer.encode(&start).await.unwrap();
    } else {
        let active = Announce::Active { suffix, hops };
        stream.writer.encode(&active).await.unwrap();
    }
}

/// The peer among the hops.
pub(super) const HOP: u64 = 77;

/// What the handshake must have agreed on for this version.
pub(super) fn over(config: Config, version: Version) -> Config {
    Config {
        protocol: (version >= Version::Draft03).then(|| version.alpn()),
        ..config
    }
}

/// Describes the peer, in the versions in which it does.
pub(super) async fn set_up(transport: &transport::Session, version: Version, setup: &lite::Setup) {
    if version >= Version::Draft05 {
        let stream = transport.open_uni().await.unwrap();
        let mut writer = Writer::new(stream, version);
        writer.encode(&DataType::Setup).await.unwrap();
        writer.encode(setup).await.unwrap();
        writer.finish().unwrap();
    }
}

/// A reader of a track of what the peer announced, and the peer's side of it.
pub(super) async fn subscribed(
    origin: &OriginConsumer,
    peer: &Peer,
) -> (TrackConsumer, u64, Stream) {
    let broadcast = origin.consume_broadcast("cam").expect("it was announced");
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    assert!(crate::common::now(track.recv_group()).is_none());
    let (id, stream) = peer.accept_subscribe_ok().await;
    (track, id, stream)
}

pub(super) async fn send_all(send: &mut SendStream, bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let written = web_transport_trait::SendStream::write_chunk(send, bytes);
    within(written).await.unwrap();
}

pub(super) async fn read_all(recv: &mut RecvStream, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < size {
        let chunk = web_transport_trait::RecvStream::read_chunk(recv, size - bytes.len());
        let chunk = within(chunk).await.unwrap();
        bytes.extend_from_slice(&chunk.expect("the stream goes on"));
    }
    bytes
}

/// The number of a version in SETUP.
fn number(version: Version) -> [u8; 8] {
    (version.coding().0 | 0xc000_0000_0000_0000).to_be_bytes()
}
