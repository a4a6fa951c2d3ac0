//! One publisher and one subscriber over loopback QUIC, and a plain quinn stream between endpoints of the same kind.
//!
//! Both have the same sockets, packet sizes, windows and frames, and are measured from the moment when they run at full speed:
//! until then packets grow and the window opens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gstmoq::{
    moq_lite::{ALPNS, Client, Origin, Server, Track},
    net::{ConnectOptions, ListenOptions, Listener, Quic, Tls, Transport, WebSocket, connect},
};
use tokio::{sync::Semaphore, task::JoinHandle};
use url::Url;
use web_transport_trait::Session as _;

/// A frame of 4 Mbit/s at 30 frames per second, and a group of two seconds.
const FRAME: usize = 16 * 1024;
const FRAMES_PER_GROUP: usize = 60;
const GROUPS: usize = 100;
/// Groups before those that count.
const WARM: usize = 20;
/// What the publisher may be ahead of the reader; what lies between is kept by the model.
const AHEAD: usize = 2 * FRAMES_PER_GROUP;

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
pub(crate) async fn plain() -> Run {
    let (client, server, listener) = pair().await;
    let frame = Bytes::from(vec![7; FRAME]);
    let writer = tokio::spawn(async move {
        // The connection itself, without what the session adds.
        let connection = server.connection().expect("it is QUIC");
        let mut stream = connection.open_uni().await.expect("a stream is allowed");
        for _ in 0..(WARM + GROUPS) * FRAMES_PER_GROUP {
            stream
                .write_chunk(frame.clone())
                .await
                .expect("the reader reads");
        }
        stream.finish().expect("it is open");
        server
    });
    let connection = client.connection().expect("it is QUIC");
    let mut stream = connection.accept_uni().await.expect("the stream comes");
    read(&mut stream, WARM * FRAMES_PER_GROUP * FRAME).await;
    let begin = Instant::now();
    read(&mut stream, GROUPS * FRAMES_PER_GROUP * FRAME).await;
    let time = begin.elapsed();
    let server = writer.await.expect("the writer ends well");
    let run = Run::new(time, server.connection().expect("it is QUIC"));
    client.close(0, "done");
    server.close(0, "done");
    listener.abort();
    run
}

async fn read(stream: &mut quinn::RecvStream, mut left: usize) {
    while left > 0 {
        let chunk = stream.read_chunk(left, true).await;
        let chunk = chunk.expect("the stream is whole").expect("more follows");
        left -= chunk.bytes.len();
    }
}

/// A track.
pub(crate) async fn track() -> Run {
    let (client, server, listener) = pair().await;
    let publishing = server.connection().expect("it is QUIC").clone();
    let (has, sees) = (Origin::produce(), Origin::produce());
    let (publisher, subscriber) = (
        Server::new().with_publish(has.consumer),
        Client::new().with_consume(sees.producer),
    );
    let (publisher, subscriber) =
        tokio::join!(publisher.accept(server), subscriber.connect(client));
    let sessions = (
        publisher.expect("they agree"),
        subscriber.expect("they agree"),
    );

    let mut broadcast = has
        .producer
        .create_broadcast("cam")
        .expect("it has a place");
    let mut track = broadcast.create_track(Track::new("video"));
    let mut sees = sees.consumer;
    let (_, remote) = sees.announced().await.expect("the broadcast is announced");
    let mut reader = remote
        .expect("it is there")
        .subscribe_track(&Track::new("video"));

    // A reader begins with the newest group: it has to be there before the first one that counts.
    track.write_frame("hello").expect("the track is open");
    let hello = reader.recv_group().await.expect("the track goes on");
    drop(hello.expect("the track goes on"));

    let frame = Bytes::from(vec![7; FRAME]);
    let room = Arc::new(Semaphore::new(AHEAD));
    let free = room.clone();
    let mut begin = Instant::now();
    let writer = tokio::spawn(async move {
        for _ in 0..WARM + GROUPS {
            let mut group = track.append_group().expect("the track is open");
            for _ in 0..FRAMES_PER_GROUP {
                free.acquire().await.expect("it stays open").forget();
                group
                    .write_frame(frame.clone())
                    .expect("the group has room");
            }
            group.close();
        }
        track
    });
    let mut frames = 0;
    while frames < (WARM + GROUPS) * FRAMES_PER_GROUP {
        let group = reader.recv_group().await.expect("the track goes on");
        let mut group = group.expect("the track goes on");
        while let Some(chunks) = group.read_frame_chunks().await.expect("the group is whole") {
            assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), FRAME);
            frames += 1;
            if frames == WARM * FRAMES_PER_GROUP {
                begin = Instant::now();
            }
            room.add_permits(1);
        }
    }
    let run = Run::new(begin.elapsed(), &publishing);
    drop((sessions, writer.await));
    listener.abort();
    run
}

/// Both ends of a raw QUIC connection, and the task that keeps the port open.
async fn pair() -> (Transport, Transport, JoinHandle<()>) {
    let listen = ListenOptions {
        address: "127.0.0.1:0".into(),
        identity: None,
        http_root: None,
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
    };
    let mut listener = Listener::bind(&listen).await.expect("a port is free");
    let url = format!("moqt://127.0.0.1:{}/", listener.local_addr().port());
    let options = ConnectOptions {
        url: Url::parse(&url).expect("it is a URL"),
        token: None,
        tls: Tls {
            fingerprints: vec![listener.fingerprint()],
            ..Tls::default()
        },
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
        websocket: WebSocket::default(),
    };
    let (accepted, connected) = tokio::join!(listener.accept(), connect(&options));
    let task = tokio::spawn(async move { while listener.accept().await.is_some() {} });
    let server = accepted.expect("the port is open").transport;
    (connected.expect("the port answers").transport, server, task)
}
