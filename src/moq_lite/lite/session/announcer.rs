//! Tells the peer which broadcasts there are.

use std::collections::{HashMap, hash_map::Entry};

use web_transport_trait::{SendStream, Session};

use super::publisher::Publisher;
use crate::moq_lite::{
    Origin, PathOwned, Result,
    coding::{Stream, Writer},
    lite::{Announce, AnnounceInit, AnnounceOk, AnnouncePlease, Cost, Hops, Route, Version},
};

/// Follows the origin until the peer has heard enough.
pub(super) async fn announce<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let request: AnnouncePlease = stream.reader.decode().await?;
    let version = publisher.version;
    // Where the peer may or wants to see nothing there is nothing: no error.
    let origin = publisher.origin.with_root(&request.prefix);
    let wanted = request.exclude_hop != publisher.hop;
    let origin = origin.filter(|_| wanted);
    let mut origin = origin.unwrap_or_else(|| Origin::produce().consumer);
    let mut active = Vec::new();
    while let Some((suffix, broadcast)) = origin.try_announced() {
        if broadcast.is_some() {
            active.push(suffix);
        }
    }
    tracing::debug!(prefix = %request.prefix, count = active.len(), "announcing");

    let mut announcer = Announcer {
        version,
        hop: publisher.hop,
        live: HashMap::new(),
        next: 0,
    };
    let writer = &mut stream.writer;
    if version.has_announce_init() {
        active.iter().for_each(|suffix| announcer.note(suffix));
        writer.encode(&AnnounceInit { suffixes: active }).await?;
    } else {
        if version.has_announce_ok() {
            let ok = AnnounceOk {
                hop: publisher.hop,
                active: active.len() as u64,
            };
            writer.encode(&ok).await?;
        }
        for suffix in active {
            announcer.started(writer, suffix).await?;
        }
    }
    loop {
        let change = tokio::select! {
            change = origin.announced() => change,
            closed = stream.reader.closed() => {
                closed?;
                return stream.writer.finish();
            }
        };
        match change {
            Some((suffix, Some(_))) => announcer.started(&mut stream.writer, suffix).await?,
            Some((suffix, None)) => announcer.ended(&mut stream.writer, suffix).await?,
            // Nothing will change any more; the peer decides when to stop listening.
            None => {
                stream.reader.closed().await?;
                return stream.writer.finish();
            }
        }
    }
}

/// What was announced on one stream. The peer takes a second start or a stray end
/// as an offence.
struct Announcer {
    version: Version,
    hop: u64,
    /// Each path, and its number on this stream.
    live: HashMap<PathOwned, u64>,
    next: u64,
}

impl Announcer {
    fn note(&mut self, suffix: &PathOwned) {
        self.live.insert(suffix.clone(), self.next);
        self.next += 1;
    }

    async fn started<S: SendStream>(
        &mut self,
        writer: &mut Writer<S, Version>,
        suffix: PathOwned,
    ) -> Result<()> {
        let Entry::Vacant(entry) = self.live.entry(suffix.clone()) else {
            return Ok(());
        };
        entry.insert(self.next);
        self.next += 1;
        if self.version.has_routes() {
            let start = Route::Start {
                suffix,
                hops: Hops::default(),
                cost: Cost::default(),
            };
            return writer.encode(&start).await;
        }
        let hops = if self.version.adds_own_hop() {
            Hops::of(self.hop)
        } else {
            Hops::default()
        };
        writer.encode(&Announce::Active { suffix, hops }).await
    }

    async fn ended<S: SendStream>(
        &mut self,
        writer: &mut Writer<S, Version>,
        suffix: PathOwned,
    ) -> Result<()> {
        let Some(id) = self.live.remove(&suffix) else {
            return Ok(());
        };
        if self.version.has_routes() {
            writer.encode(&Route::End { id }).await
        } else {
            writer.encode(&Announce::Ended { suffix }).await
        }
    }
}
