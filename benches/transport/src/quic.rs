//! One publisher and one subscriber over loopback QUIC, and a plain quinn stream between endpoints of the same kind.
//!
//! Both have the same sockets, packet sizes, windows and frames, and are measured from the moment when they run at full speed:
//! until then packets grow and the window opens. Publisher and subscriber have a thread each, as they would in two programs.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gstmoq::{
    moq_lite::{ALPNS, Client, Origin, Server, Track},
    net::{ConnectOptions, ListenOptions, Listener, Quic, Tls, Transport, WebSocket, connect},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, oneshot},
};
use url::Url;

/// A frame of 4 Mbit/s at 30 frames per second, and a group of two seconds.
const FRAME: usize = 16 * 1024;
const FRAMES_PER_GROUP: usize = 60;
const GROUPS: usize = 100;
/// Groups before those that count.
const WARM: usize = 20;
/// Groups that the publisher may be ahead of the reader: about what the plain stream has under way, whose sender may have 8 MiB
/// that are not acknowledged. They are counted whole, because the newest is sent first.
const AHEAD: usize = 8;

/// What was measured over one connection.
pub(crate) struct Run {
    /// Mbit/s.
    pub(crate) rate: f64,
    /// Of the publisher's packets.
    pub(crate) lost: u64,
    /// Bytes of the publisher's largest packets.
    pub(crate) packet: u16,
}

impl Run {
    fn new(time: Duration, publisher: &quinn::Connection) -> Self {
        let path = publisher.stats().path;
        Self {
            rate: (GROUPS * FRAMES_PER_GROUP * FRAME * 8) as f64 / time.as_secs_f64() / 1e6,
            lost: path.lost_packets,
            packet: path.current_mtu,
        }
    }
}

/// A plain stream.
pub(crate) fn plain() -> Run {
    between(
        async |server: Transport, read: oneshot::Receiver<()>| {
            let frame = Bytes::from(vec![7; FRAME]);
            // The connection itself, without what the session adds.
            let connection = server.connection().expect("it is QUIC");
            let mut stream = connection.open_uni().await.expect("a stream is allowed");
            for _ in 0..(WARM + GROUPS) * FRAMES_PER_GROUP {
                let written = stream.write_chunk(frame.clone()).await;
                written.expect("the reader reads");
            }
            stream.finish().expect("it is open");
            read.await.expect("the reader ends well");
        },
        async |client: Transport| {
            let connection = client.connection().expect("it is QUIC");
            let mut stream = connection.accept_uni().await.expect("the stream comes");
            read(&mut stream, WARM * FRAMES_PER_GROUP * FRAME).await;
            let begin = Instant::now();
            read(&mut stream, GROUPS * FRAMES_PER_GROUP * FRAME).await;
            begin.elapsed()
        },
    )
}

async fn read(stream: &mut quinn::RecvStream, mut left: usize) {
    while left > 0 {
        let chunk = stream.read_chunk(left, true).await;
        let chunk = chunk.expect("the stream is whole").expect("more follows");
        left -= chunk.bytes.len();
    }
}

/// A track.
pub(crate) fn track() -> Run {
    // Given by the reader, a group each, once it reads.
    let room = Arc::new(Semaphore::new(0));
    let free = room.clone();
    between(
        async |server: Transport, read: oneshot::Receiver<()>| {
            let has = Origin::produce();
            let broadcast = has.producer.create_broadcast("cam");
            let mut broadcast = broadcast.expect("it has a place");
            let mut track = broadcast.create_track(Track::new("video"));
            // A reader begins with the newest group: it has to be there before the first one that counts.
            track.write_frame("hello").expect("the track is open");
            let publisher = Server::new().with_publish(has.consumer);
            let session = publisher.accept(server).await.expect("they agree");
            let frame = Bytes::from(vec![7; FRAME]);
            for _ in 0..WARM + GROUPS {
                free.acquire().await.expect("it stays open").forget();
                // Until a first group is there only the newest is wanted.
                let mut demand = track.demand();
                while demand.max_age.is_zero() {
                    demand = track.demand_changed(&demand).await;
                }
                let mut group = track.append_group().expect("the track is open");
                for _ in 0..FRAMES_PER_GROUP {
                    let written = group.write_frame(frame.clone());
                    written.expect("the group has room");
                }
                group.close();
            }
            read.await.expect("the reader ends well");
            drop(session);
        },
        async |client: Transport| {
            let sees = Origin::produce();
            let subscriber = Client::new().with_consume(sees.producer);
            let _session = subscriber.connect(client).await.expect("they agree");
            let mut sees = sees.consumer;
            let (_, remote) = sees.announced().await.expect("the broadcast is announced");
            let mut reader = remote
                .expect("it is there")
                .subscribe_track(&Track::new("video"));
            let hello = reader.recv_group().await.expect("the track goes on");
            drop(hello.expect("the track goes on"));
            room.add_permits(AHEAD);
            let mut begin = Instant::now();
            for number in 0..WARM + GROUPS {
                if number == WARM {
                    begin = Instant::now();
                }
                let group = reader.recv_group().await.expect("the track goes on");
                let mut group = group.expect("the track goes on");
                while let Some(chunks) =
                    group.read_frame_chunks().await.expect("the group is whole")
                {
                    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), FRAME);
                }
                room.add_permits(1);
            }
            begin.elapsed()
        },
    )
}

/// Runs both ends of a raw QUIC connection, until the subscriber has read everything and tells the publisher.
fn between<P, S>(publish: P, subscribe: S) -> Run
where
    P: AsyncFnOnce(Transport, oneshot::Receiver<()>) + Send,
    S: AsyncFnOnce(Transport) -> Duration,
{
    let (tell, told) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            runtime().block_on(async {
                let mut listener = listen().await;
                let place = (listener.local_addr().port(), listener.fingerprint());
                tell.send(place).expect("the subscriber waits");
                let server = listener.accept().await.expect("the port is open").transport;
                let connection = server.connection().expect("it is QUIC").clone();
                publish(server, ended).await;
                connection
            })
        });
        let time = runtime().block_on(async {
            let (port, fingerprint) = told.await.expect("the publisher listens");
            let options = ConnectOptions {
                url: Url::parse(&format!("moqt://127.0.0.1:{port}/")).expect("it is a URL"),
                token: None,
                tls: Tls {
                    fingerprints: vec![fingerprint],
                    ..Tls::default()
                },
                quic: Quic::default(),
                protocols: ALPNS.to_vec(),
                websocket: WebSocket::default(),
            };
            let client = connect(&options).await.expect("the port answers");
            subscribe(client.transport).await
        });
        end.send(()).expect("the publisher waits");
        let connection = publisher.join().expect("the publisher ends well");
        Run::new(time, &connection)
    })
}

async fn listen() -> Listener {
    let options = ListenOptions {
        address: "127.0.0.1:0".into(),
        identity: None,
        http_root: None,
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
    };
    Listener::bind(&options).await.expect("a port is free")
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("it needs no resources")
}
