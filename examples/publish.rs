//! Publishes the time of day, once a second, without GStreamer.
//!
//! ```console
//! cargo run --example publish -- localhost:4443
//! cargo run --example subscribe -- http://localhost:4443/ clock seconds
//! ```
//!
//! Serves subscribers itself. To publish to a relay instead, hand the origin's consumer to a
//! `Client` on a transport that `net::connect` made: `subscribe` shows how.

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gstmoq::{
    moq_lite::{ALPNS, Origin, OriginConsumer, Server, Track, TrackProducer},
    net::{Accepted, ListenOptions, Listener, Quic},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:4443".into());
    let options = ListenOptions {
        address,
        identity: None,
        http_root: None,
        quic: Quic::default(),
        protocols: ALPNS.to_vec(),
    };
    let mut listener = Listener::bind(&options).await?;
    println!("http://{}/", listener.local_addr());

    let origin = Origin::produce();
    let broadcast = origin.producer.create_broadcast("clock");
    let mut broadcast = broadcast.ok_or("the origin takes no such broadcast")?;
    let track = broadcast.create_track(Track::new("seconds"));
    tokio::spawn(tick(track));

    while let Some(accepted) = listener.accept().await {
        tokio::spawn(serve(accepted, origin.consumer.consume()));
    }
    Ok(())
}

/// A group for each minute and a frame for each second. Who joins gets the minute from its start.
async fn tick(mut track: TrackProducer) -> gstmoq::moq_lite::Result<()> {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    let mut group = track.append_group()?;
    loop {
        interval.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        if now.is_multiple_of(60) {
            group.close();
            group = track.append_group()?;
        }
        group.write_frame(now.to_string())?;
    }
}

async fn serve(accepted: Accepted, published: OriginConsumer) {
    let remote = accepted.remote;
    let server = Server::new().with_publish(published);
    match server.accept(accepted.transport).await {
        Ok(session) => {
            eprintln!("{remote} speaks {}", session.version_name());
            let _ = session.closed().await;
            eprintln!("{remote} has left");
        }
        Err(error) => eprintln!("{remote}: {error}"),
    }
}
