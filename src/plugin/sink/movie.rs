//! Fragmented MP4 on one pad: its tracks, and its times as running times.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    media::fmp4::{self, Demuxer, Event, Sample},
    publish::{self, TrackWriter},
};

/// A stream of fragmented MP4.
#[derive(Default)]
pub(super) struct Movie {
    demuxer: Demuxer,
    tracks: BTreeMap<u32, Track>,
    /// Added to media time to give running time, in nanoseconds.
    offset: Option<i128>,
    /// The running time that the first sample is to have.
    anchor: Option<i128>,
    /// What tracks that are gone counted.
    pub(super) past: publish::Stats,
}

/// A track of it.
pub(super) struct Track {
    timescale: u32,
    pub(super) writer: TrackWriter,
}

impl Movie {
    /// Takes bytes. `presented` is the running time that the first sample in them has, where it is
    /// known; it counts for the first sample of the stream alone.
    pub(super) fn push(&mut self, data: Bytes, presented: Option<i128>) -> Result<(), fmp4::Error> {
        if self.offset.is_none() && self.anchor.is_none() {
            self.anchor = presented;
        }
        self.demuxer.push(data)
    }

    pub(super) fn next(&mut self) -> Option<Event> {
        self.demuxer.next()
    }

    /// Whether the stream may end here.
    pub(super) fn finish(&self) -> Result<(), fmp4::Error> {
        self.demuxer.finish()
    }

    /// After a gap in the bytes: a new stream, with the same tracks.
    pub(super) fn restart(&mut self) {
        self.demuxer = Demuxer::new();
        self.offset = None;
        self.anchor = None;
        self.tracks
            .values_mut()
            .for_each(|track| track.writer.interrupt());
    }

    /// Decode and presentation time of a sample as running times in nanoseconds. `now` places the
    /// first sample of a stream without times of its own.
    ///
    /// Where the first buffer says when it is presented, that is the presentation time of the first
    /// sample. Elsewhere the decode time of the first sample is now: what comes with it is then not
    /// before now.
    pub(super) fn times(&mut self, sample: &Sample, now: i128) -> Option<(i128, i128)> {
        let timescale = i128::from(self.tracks.get(&sample.track)?.timescale.max(1));
        let nanos = |time: i64| i128::from(time) * 1_000_000_000 / timescale;
        let (dts, pts) = (nanos(sample.dts), nanos(sample.pts));
        let offset = *self.offset.get_or_insert(match self.anchor {
            Some(anchor) => anchor - pts,
            None => now - dts,
        });
        Some((dts + offset, pts + offset))
    }

    pub(super) fn track(&mut self, id: u32) -> Option<&mut Track> {
        self.tracks.get_mut(&id)
    }

    pub(super) fn set(&mut self, id: u32, timescale: u32, writer: TrackWriter) {
        self.tracks.insert(id, Track { timescale, writer });
    }

    /// Changes the timescale of a track that goes on.
    pub(super) fn set_timescale(&mut self, id: u32, timescale: u32) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.timescale = timescale;
        }
    }

    /// Takes out the tracks that are not listed.
    pub(super) fn retire(&mut self, listed: &[u32]) -> Vec<TrackWriter> {
        let gone: Vec<_> = self
            .tracks
            .keys()
            .filter(|id| !listed.contains(id))
            .copied()
            .collect();
        let tracks = gone.iter().filter_map(|id| self.tracks.remove(id));
        let writers: Vec<_> = tracks.map(|track| track.writer).collect();
        writers
            .iter()
            .for_each(|writer| self.past.add(&writer.stats()));
        writers
    }

    pub(super) fn stats(&self) -> publish::Stats {
        let mut sum = self.past;
        self.tracks
            .values()
            .for_each(|track| sum.add(&track.writer.stats()));
        sum
    }
}
