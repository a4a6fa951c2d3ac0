//! Requests that are answered from what is at hand: about a track, for a single
//! group, for the bandwidth, to leave.

use std::time::Duration;

use tokio::time::sleep;
use web_transport_trait::{Session, Stats};

use super::{frames::FrameWriter, order, publisher::Publisher};
use crate::moq_lite::{
    Error, GroupConsumer, Result, Track,
    coding::Stream,
    lite::{Fetch, Goaway, Probe, TrackInfo, TrackRequest, Version},
    redact,
};

/// Ticks of timestamps a second: microseconds.
pub(super) const TIMESCALE: u64 = 1_000_000;

pub(super) async fn track<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let request: TrackRequest = stream.reader.decode().await?;
    let broadcast = publisher.origin.consume_broadcast(&request.broadcast);
    let broadcast = broadcast.ok_or(Error::NotFound)?;
    let info = TrackInfo {
        priority: broadcast.track_info(&request.track)?.priority,
        max_age: Track::MAX_AGE,
        timescale: TIMESCALE,
    };
    stream.writer.encode(&info).await?;
    stream.writer.finish()?;
    stream.writer.closed().await
}

/// Sends a group that is kept; there is no asking for others.
pub(super) async fn fetch<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let request: Fetch = stream.reader.decode().await?;
    let broadcast = publisher.origin.consume_broadcast(&request.broadcast);
    let track = broadcast.and_then(|broadcast| broadcast.existing_track(&request.track));
    let track = track.ok_or(Error::NotFound)?;
    let group = track.group(request.group).ok_or(Error::NotFound)?;
    let Stream { writer, reader } = stream;
    writer.set_priority(order::of_fetch(request.priority));
    let frames = Frames {
        first: request.frame_start,
        last: request.frame_end,
    };
    let mut writer = FrameWriter::new(writer, publisher.version, track.began());
    tokio::select! {
        result = send_all(&mut writer, group, frames) => result,
        closed = reader.closed() => {
            closed?;
            Err(Error::Cancel)
        }
    }
}

/// Which frames of a group are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    pub(super) first: u64,
    pub(super) last: Option<u64>,
}

impl Frames {
    pub(super) const ALL: Self = Self {
        first: 0,
        last: None,
    };
}

async fn send_all<S: web_transport_trait::SendStream>(
    writer: &mut FrameWriter<'_, S>,
    mut group: GroupConsumer,
    frames: Frames,
) -> Result<()> {
    let mut index = 0;
    while frames.last.is_none_or(|last| index <= last) {
        let Some(frame) = group.next_frame().await? else {
            break;
        };
        if index >= frames.first {
            writer.frame(frame).await?;
        }
        index += 1;
    }
    writer.finish().await?;
    writer.stream.closed().await
}

/// Reports what congestion control allows, when it has changed.
pub(super) async fn probe<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let mut last = Probe::default();
    loop {
        let now = {
            let stats = publisher.transport.stats();
            Probe {
                bitrate: stats.estimated_send_rate(),
                rtt: stats.rtt(),
            }
        };
        if now == Probe::default() {
            return Err(Error::Unsupported);
        }
        if differs(&now, &last) {
            stream.writer.encode(&now).await?;
            last = now;
        }
        tokio::select! {
            () = sleep(PROBE_INTERVAL) => {}
            closed = stream.reader.closed() => {
                closed?;
                return stream.writer.finish();
            }
        }
    }
}

/// The least time between two reports.
const PROBE_INTERVAL: Duration = Duration::from_millis(300);

/// Whether either number has changed by a tenth.
fn differs(now: &Probe, last: &Probe) -> bool {
    let moved = |now: u128, last: u128| now.abs_diff(last) * 10 > last;
    let bitrate = |probe: &Probe| u128::from(probe.bitrate.unwrap_or(0));
    let rtt = |probe: &Probe| probe.rtt.unwrap_or_default().as_micros();
    moved(bitrate(now), bitrate(last)) || moved(rtt(now), rtt(last))
}

/// An error is for the session.
pub(super) async fn goaway<S: Session>(
    publisher: &Publisher<S>,
    stream: &mut Stream<S, Version>,
) -> Result<()> {
    let request: Goaway = match stream.reader.decode().await {
        Ok(request) => request,
        Err(err @ Error::Decode(_)) => return Err(err),
        // Given up before it was said.
        Err(_) => return Ok(()),
    };
    if publisher.status.is_server() && !request.uri.is_empty() {
        return Err(Error::ProtocolViolation);
    }
    let uri = redact::without_query(&request.uri);
    tracing::info!(uri, "the peer asks to leave");
    publisher.status.goaway(request.uri.into_owned())?;
    let _ = stream.writer.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_are_not_reported() {
        let probe = |bitrate, millis| Probe {
            bitrate: Some(bitrate),
            rtt: Some(Duration::from_millis(millis)),
        };
        assert!(differs(&probe(1, 0), &Probe::default()));
        assert!(!differs(&probe(1_050, 20), &probe(1_000, 20)));
        assert!(differs(&probe(1_200, 20), &probe(1_000, 20)));
        assert!(differs(&probe(1_000, 25), &probe(1_000, 20)));
    }
}
