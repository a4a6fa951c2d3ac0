//! The other end: a whole session, or a peer that the test plays by hand.

use gstmoq::moq_lite::{
    BroadcastConsumer, Client, Origin, OriginConsumer, OriginProducer, Path, Server, Session,
    coding::{Reader, Stream, Versions, Writer},
    ietf::*,
};
use web_transport_trait::Session as _;

use crate::common::{
    transport::{self, Config, Link, RecvStream, SendStream},
    within,
};

pub(crate) const V: Version = Version::Draft14;

pub(crate) fn config() -> Config {
    Config {
        protocol: Some(ALPN),
        ..Config::default()
    }
}

/// One of two sessions: what it publishes and what it sees.
pub(crate) struct Side {
    pub(crate) session: Session,
    pub(crate) has: OriginProducer,
    pub(crate) sees: OriginConsumer,
}

/// Two sessions of ours, the client and the server.
pub(crate) async fn pair(config: Config) -> (Side, Side, Link) {
    let (client, server, link) = transport::connect(config);
    let (has, sees) = (Origin::produce(), Origin::produce());
    let (other_has, other_sees) = (Origin::produce(), Origin::produce());
    let connecting = Client::new()
        .with_publish(has.consumer)
        .with_consume(sees.producer);
    let accepting = Server::new()
        .with_publish(other_has.consumer)
        .with_consume(other_sees.producer);
    let both = async { tokio::try_join!(connecting.connect(client), accepting.accept(server)) };
    let (client, server) = within(both).await.unwrap();
    let side = |session, has, sees| Side { session, has, sees };
    (
        side(client, has.producer, sees.consumer),
        side(server, other_has.producer, other_sees.consumer),
        link,
    )
}

/// Waits until `path` is announced.
pub(crate) async fn announced(origin: &OriginConsumer, path: &str) -> BroadcastConsumer {
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

/// A peer that the test plays by hand.
pub(crate) struct Peer {
    pub(crate) transport: transport::Session,
    pub(crate) link: Link,
    pub(crate) writer: Writer<SendStream, Version>,
    pub(crate) reader: Reader<RecvStream, Version>,
}

impl Peer {
    /// A client of a session of ours that publishes.
    pub(crate) async fn client(publish: OriginConsumer) -> (Session, Self) {
        let (client, server, link) = transport::connect(config());
        let accepting = Server::new().with_publish(publish);
        let setup = async {
            let mut stream = Stream::open(&client, V).await.unwrap();
            let setup = ClientSetup {
                versions: Versions::from([V.coding()]),
                parameters: limit(),
            };
            stream.writer.encode(&ClientSetup::ID).await.unwrap();
            stream.writer.encode(&setup).await.unwrap();
            let id: u64 = stream.reader.decode().await.unwrap();
            assert_eq!(id, ServerSetup::ID);
            let answer: ServerSetup = stream.reader.decode().await.unwrap();
            assert_eq!(answer.version, V.coding());
            stream
        };
        let (session, stream) =
            within(async { tokio::join!(accepting.accept(server), setup) }).await;
        (session.unwrap(), Self::new(client, link, stream))
    }

    /// A server of a session of ours that consumes and expects the broadcast `cam`,
    /// which it announces.
    pub(crate) async fn server() -> (Session, OriginConsumer, Self) {
        let origin = Origin::produce();
        let client = Client::new().with_consume(origin.producer);
        let (session, mut peer) = Self::server_of(client).await;
        let namespace = PublishNamespace {
            request_id: RequestId(1),
            track_namespace: Path::new("cam"),
        };
        peer.send(&namespace).await;
        let ok: PublishNamespaceOk = peer.recv().await;
        assert_eq!(ok.request_id, RequestId(1));
        (session, origin.consumer, peer)
    }

    pub(crate) async fn server_of(connecting: Client) -> (Session, Self) {
        let (client, server, link) = transport::connect(config());
        let setup = async {
            let mut stream = Stream::accept(&server, V).await.unwrap();
            let id: u64 = stream.reader.decode().await.unwrap();
            assert_eq!(id, ClientSetup::ID);
            let _: ClientSetup = stream.reader.decode().await.unwrap();
            let answer = ServerSetup {
                version: V.coding(),
                parameters: limit(),
            };
            stream.writer.encode(&ServerSetup::ID).await.unwrap();
            stream.writer.encode(&answer).await.unwrap();
            stream
        };
        let (session, stream) =
            within(async { tokio::join!(connecting.connect(client), setup) }).await;
        (session.unwrap(), Self::new(server, link, stream))
    }

    fn new(
        transport: transport::Session,
        link: Link,
        stream: Stream<transport::Session, Version>,
    ) -> Self {
        let Stream { writer, reader } = stream;
        Self {
            transport,
            link,
            writer,
            reader,
        }
    }

    pub(crate) async fn send<M: Message>(&mut self, message: &M) {
        let sent = async {
            self.writer.encode(&M::ID).await.unwrap();
            self.writer.encode(message).await.unwrap();
        };
        within(sent).await;
    }

    /// The next message, which must be of this kind.
    pub(crate) async fn recv<M: Message>(&mut self) -> M {
        let received = async {
            let id: u64 = self.reader.decode().await.unwrap();
            assert_eq!(id, M::ID, "{:#x}", id);
            self.reader.decode().await.unwrap()
        };
        within(received).await
    }

    /// Opens a stream and writes `bytes`.
    pub(crate) async fn uni(&self, bytes: &[u8]) -> Writer<SendStream, Version> {
        let mut writer = Writer::new(within(self.transport.open_uni()).await.unwrap(), V);
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        writer.write_chunk(bytes).await.unwrap();
        writer
    }

    /// A whole stream.
    pub(crate) async fn whole(&self, bytes: &[u8]) {
        self.uni(bytes).await.finish().unwrap();
    }

    /// All bytes of the stream that comes next.
    pub(crate) async fn accept(&self) -> Vec<u8> {
        within(async {
            let stream = self.transport.accept_uni().await.unwrap();
            let mut reader = Reader::new(stream, V);
            let mut bytes = Vec::new();
            while let Some(chunk) = reader.read(1 << 20).await.unwrap() {
                bytes.extend_from_slice(&chunk);
            }
            bytes
        })
        .await
    }
}

fn limit() -> Parameters {
    let mut parameters = Parameters::default();
    parameters.set_varint(ParameterVarInt::MaxRequestId, 1000);
    parameters
}

/// A request for the track `video` of `cam`.
pub(crate) fn subscribe(id: u64) -> Subscribe<'static> {
    Subscribe {
        request_id: RequestId(id),
        track_namespace: Path::new("cam"),
        track_name: "video".into(),
        subscriber_priority: 128,
        group_order: GroupOrder::Any,
        forward: true,
        filter_type: FilterType::LargestObject,
        start_location: None,
        end_group: None,
        delivery_timeout: None,
    }
}

pub(crate) fn ok(id: u64, track_alias: u64) -> SubscribeOk {
    SubscribeOk {
        request_id: RequestId(id),
        track_alias,
        expires: 0,
        group_order: GroupOrder::Ascending,
        largest_location: None,
    }
}

pub(crate) fn done(id: u64, status_code: u64, stream_count: u64) -> PublishDone<'static> {
    PublishDone {
        request_id: RequestId(id),
        status_code,
        stream_count,
        reason_phrase: "".into(),
    }
}
