//! A publisher and a subscriber on the published moq-lite 0.12.0, as client or as server.
//!
//! | command | does |
//! |---|---|
//! | `seed publish connect URL PROTOCOL PATH` | publishes the track `video` of the broadcast PATH |
//! | `seed subscribe connect URL PROTOCOL PATH` | reads it |
//! | `seed publish listen PROTOCOL PATH`, `seed subscribe listen PROTOCOL PATH` | the same for the first session that a client opens |
//!
//! URL is `https://` (WebTransport) or `moqt://` (raw QUIC), and no certificate is verified. PROTOCOL is what is offered or
//! accepted: `moql` or `moq-00`. A listener prints `listening PORT` first, for both bindings.
//!
//! The publisher's input is the track: each line is a frame, an empty line ends the group, the end of the input ends the
//! track and the broadcast. The subscriber prints `announced PATH`, `frame GROUP INDEX TEXT`, `group GROUP end`, `track end`. Both print
//! `connected` first, and `failed REASON` when something goes wrong.

mod transport;

use std::{error::Error, process::ExitCode};

use moq_lite::{
    BroadcastConsumer, Client, Origin, OriginConsumer, OriginProducer, Server, Session, Track,
};
use tokio::io::{AsyncBufReadExt, BufReader};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Result<()> {
    let &[role, ref how @ .., path] = arguments else {
        return Err(USAGE.into());
    };
    let origin = Origin::produce();
    match role {
        "publish" => publish(how, path, origin.producer, origin.consumer).await,
        "subscribe" => subscribe(how, path, origin.producer, origin.consumer).await,
        _ => Err(USAGE.into()),
    }
}

async fn publish(
    how: &[&str],
    path: &str,
    producer: OriginProducer,
    consumer: OriginConsumer,
) -> Result<()> {
    let mut broadcast = producer
        .create_broadcast(path)
        .ok_or("the broadcast has no place")?;
    let mut track = broadcast.create_track(Track::new("video"));
    let session = session(how, Some(consumer), None).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut group = None;
    while let Some(line) = lines.next_line().await? {
        if !line.is_empty() {
            group
                .get_or_insert_with(|| track.append_group())
                .write_frame(line);
        } else if let Some(group) = group.take() {
            group.close();
        }
    }
    if let Some(group) = group {
        group.close();
    }
    track.close();
    drop(broadcast);
    // What was written still has to travel. There is no other end than an error.
    let _ = session.closed().await;
    Ok(())
}

async fn subscribe(
    how: &[&str],
    path: &str,
    producer: OriginProducer,
    mut consumer: OriginConsumer,
) -> Result<()> {
    let _session = session(how, None, Some(producer)).await?;
    let broadcast = announced(&mut consumer, path).await?;
    println!("announced {path}");
    let mut track = broadcast.subscribe_track(&Track::new("video"));
    while let Some(mut group) = track.next_group().await? {
        let sequence = group.info.sequence;
        let mut index = 0;
        while let Some(frame) = group.read_frame().await? {
            println!(
                "frame {sequence} {index} {}",
                String::from_utf8_lossy(&frame)
            );
            index += 1;
        }
        println!("group {sequence} end");
    }
    println!("track end");
    Ok(())
}

/// The broadcast at `path`, as soon as it is there.
async fn announced(consumer: &mut OriginConsumer, path: &str) -> Result<BroadcastConsumer> {
    while let Some((found, broadcast)) = consumer.announced().await {
        if let (true, Some(broadcast)) = (found.as_str() == path, broadcast) {
            return Ok(broadcast);
        }
    }
    Err("the session ended before the broadcast was announced".into())
}

async fn session(
    how: &[&str],
    has: Option<OriginConsumer>,
    sees: Option<OriginProducer>,
) -> Result<Session> {
    let session = match *how {
        ["connect", url, protocol] => {
            let transport = transport::connect(url, protocol).await?;
            let client = Client::new().with_publish(has).with_consume(sees);
            client.connect(transport).await?
        }
        ["listen", protocol] => {
            let transport = transport::listen(protocol).await?;
            let server = Server::new().with_publish(has).with_consume(sees);
            server.accept(transport).await?
        }
        _ => return Err(USAGE.into()),
    };
    println!("connected");
    Ok(session)
}

const USAGE: &str = "usage: seed publish|subscribe connect URL PROTOCOL PATH, or seed publish|subscribe listen PROTOCOL PATH";
