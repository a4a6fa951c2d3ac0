//! The structure of the property `stats`.

use super::pad;
use crate::{
    moq_lite::{Direction, TrackStats, Traffic},
    plugin::link::{Measured, Sessions, Status},
    publish,
};

/// One track that is being published.
pub(super) struct Published {
    pub(super) pad: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) stats: publish::Stats,
}

/// The structure, without what viewers and the whole have in common with those of other elements.
pub(super) fn builder(
    status: &Status,
    sessions: &Sessions,
    tracks: &[Published],
) -> gst::structure::Builder {
    let measured = sessions.measure();
    status
        .stats("moqsink-stats")
        .field(
            "estimated-send-bitrate",
            status.traffic.send_rate.unwrap_or(0),
        )
        .field("groups-late", sessions.late())
        .field("tracks", gst::Array::new(tracks.iter().map(track)))
        .field(
            "connections",
            gst::Array::new(measured.iter().map(connection)),
        )
}

fn track(track: &Published) -> gst::Structure {
    let structure = gst::Structure::builder("moqsink-track")
        .field("pad", &track.pad)
        .field("track", &track.name)
        .field("kind", track.kind);
    pad::add(structure, &track.stats).build()
}

fn connection(open: &Measured) -> gst::Structure {
    let stats = &open.stats;
    let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let builder = gst::Structure::builder("moqsink-connection")
        .field("id", open.id)
        .field("origin", open.origin.name())
        .field("remote", &open.remote)
        .field("transport", open.carrier.name())
        .field("version", stats.version)
        .field("age", nanos(open.age));
    let measured = [
        ("rtt", stats.rtt.map(nanos)),
        ("send-bitrate", stats.send_rate),
        ("congestion-window", stats.congestion_window),
        ("bytes-sent", stats.bytes_sent),
        ("bytes-received", stats.bytes_received),
        ("bytes-lost", stats.bytes_lost),
        ("packets-sent", stats.packets_sent),
        ("packets-received", stats.packets_received),
        ("packets-lost", stats.packets_lost),
    ];
    let builder = measured
        .into_iter()
        .fold(builder, |builder, (name, value)| {
            builder.field_if_some(name, value)
        });
    traffic(builder, stats.sent)
        .field("tracks", subscriptions(&stats.tracks))
        .build()
}

/// What is read now. A track that is read twice is there once.
fn subscriptions(tracks: &[TrackStats]) -> gst::Array {
    let sent = tracks
        .iter()
        .filter(|track| track.direction == Direction::Sent);
    let mut sent: Vec<&TrackStats> = sent.collect();
    sent.sort_by(|one, two| key(one).cmp(&key(two)));
    let same = sent.chunk_by(|one, two| key(one) == key(two));
    gst::Array::new(same.map(|same| {
        let builder = gst::Structure::builder("moqsink-subscription")
            .field("broadcast", &same[0].broadcast)
            .field("track", &same[0].track);
        let mut sum = Traffic::default();
        for track in same {
            sum.groups += track.traffic.groups;
            sum.frames += track.traffic.frames;
            sum.bytes += track.traffic.bytes;
            sum.old += track.traffic.old;
        }
        traffic(builder, sum).build()
    }))
}

fn key(track: &TrackStats) -> (&str, &str) {
    (&track.broadcast, &track.track)
}

fn traffic(builder: gst::structure::Builder, sent: Traffic) -> gst::structure::Builder {
    builder
        .field("groups", sent.groups)
        .field("frames", sent.frames)
        .field("bytes", sent.bytes)
        .field("groups-late", sent.old)
}
