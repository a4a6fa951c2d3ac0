//! The structure of the property `stats`, and the measure of what arrives.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use gst::prelude::*;

use super::{run::Run, stream::Stream};

/// The structure: what is known of the sessions, and of a run when there is one.
pub(super) fn structure(status: gst::structure::Builder, run: Option<&Run>) -> gst::Structure {
    let counters = run.map(|run| &run.counters);
    let [buffers, bytes, skipped, late] = counters.map_or([0; 4], |counters| {
        [
            &counters.buffers,
            &counters.bytes,
            &counters.skipped_groups,
            &counters.late,
        ]
        .map(|counter| counter.load(Ordering::Relaxed))
    });
    let latency = run.map_or(Duration::ZERO, Run::latency);
    let streams = run.map(Run::streams).unwrap_or_default();
    let tracks: Vec<_> = streams
        .iter()
        .filter_map(|stream| Some(track(run?, stream)))
        .collect();
    let jitter = tracks
        .iter()
        .filter_map(|track| track.get::<u64>("jitter").ok())
        .max();
    status
        .field("buffers", buffers)
        .field("bytes", bytes)
        .field("skipped-groups", skipped)
        .field("late", late)
        .field("latency", nanos(latency))
        .field("jitter", jitter.unwrap_or(0))
        .field(
            "receive-bitrate",
            run.map_or(0, |run| run.arriving.load(Ordering::Relaxed)),
        )
        .field("tracks", gst::Array::new(tracks))
        .build()
}

fn track(run: &Run, stream: &Stream) -> gst::Structure {
    let report = stream.meter().report();
    let jitter = run.any_timeline().jitter(stream.track());
    let config = stream.source().map(|source| source.config);
    gst::Structure::builder("moqsrc-track")
        .field("pad", stream.pad().name())
        .field("track", stream.track_name())
        .field("subscribed", stream.meter().lag().is_some())
        .field(
            "codec",
            config.as_ref().map(|config| config.codec().to_owned()),
        )
        .field(
            "bitrate",
            config
                .as_ref()
                .and_then(|config| config.bitrate())
                .unwrap_or(0),
        )
        .field("samples", report.samples)
        .field("bytes", report.bytes)
        .field("skipped-groups", report.skipped_groups)
        .field("switches", report.switches)
        .field("jitter", nanos(jitter))
        .field("lag", nanos(stream.meter().lag().unwrap_or_default()))
        .build()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Measures what arrives.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    /// How many bytes had arrived when, over the last second.
    marks: Vec<(Instant, u64)>,
}

impl Throughput {
    /// Learns how much has arrived in all by now.
    pub(super) fn mark(&mut self, now: Instant, bytes: u64) {
        self.marks.push((now, bytes));
        self.marks.retain(|(then, _)| *then + WINDOW >= now);
    }

    /// In bit/s; `None` until half a second was measured.
    pub(super) fn bitrate(&self) -> Option<u64> {
        let ((begin, before), (end, now)) = (self.marks.first()?, self.marks.last()?);
        let millis = u64::try_from((*end - *begin).as_millis()).ok()?;
        (millis >= 500).then(|| now.saturating_sub(*before).saturating_mul(8_000) / millis)
    }
}

/// Over how long throughput is measured.
const WINDOW: Duration = Duration::from_millis(1_200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_that_of_the_last_second() {
        let begin = Instant::now();
        let mut throughput = Throughput::default();
        assert_eq!(throughput.bitrate(), None);
        for tick in 0..20_u64 {
            // 1 Mbit/s, and from the tenth tick on half as much.
            let bytes = if tick < 10 {
                tick * 25_000
            } else {
                250_000 + (tick - 10) * 12_500
            };
            throughput.mark(begin + Duration::from_millis(tick * 200), bytes);
            match tick {
                0..3 => assert_eq!(throughput.bitrate(), None),
                3..10 => assert_eq!(throughput.bitrate(), Some(1_000_000)),
                _ => {}
            }
        }
        assert_eq!(throughput.bitrate(), Some(500_000));
    }
}
