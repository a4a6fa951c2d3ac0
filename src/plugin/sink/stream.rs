//! What a pad receives between stream-start and EOS: format, times, tracks.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::{format::Format, movie::Movie};
use crate::{
    media::{Config, Micros, video},
    publish::{self, Input, TrackWriter},
};

/// The stream of one pad.
#[derive(Default)]
pub(super) struct Stream {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    pub(super) format: Option<Format>,
    pub(super) input: Option<Input>,
    pub(super) content: Content,
    /// Running time at which the last buffer ends, in nanoseconds.
    end: Option<i128>,
    /// Stream time of the last buffer.
    pub(super) position: Option<gst::ClockTime>,
    pub(super) eos: bool,
    /// Warnings that were given, each once for a stream.
    pub(super) warned: Warned,
    past: publish::Stats,
}

/// What is written.
#[derive(Default)]
pub(super) enum Content {
    #[default]
    Nothing,
    Track(Elementary),
    Movie(Movie),
}

/// An elementary stream.
pub(super) struct Elementary {
    pub(super) writer: TrackWriter,
    config: Config,
    /// Parameter sets, for keyframes that come without them.
    parameters: Option<Bytes>,
}

/// Warnings that are given once.
#[derive(Default)]
pub(super) struct Warned {
    pub(super) empty: bool,
    pub(super) parameters: bool,
    pub(super) early: bool,
}

/// When a sample is sent, and what time it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) due: gst::ClockTime,
    pub(super) timestamp: Micros,
}

impl Timing {
    /// From running times in nanoseconds. `None` when it is to be dropped: sound from long before
    /// running time zero.
    pub(super) fn new(dts: i128, pts: i128, is_video: bool) -> Option<Self> {
        if !is_video && pts < -PRIMING {
            return None;
        }
        let pts = u64::try_from(pts.max(0)).ok()?;
        let due = u64::try_from(dts.max(0)).ok()?.min(pts);
        Some(Self {
            due: gst::ClockTime::from_nseconds(due),
            timestamp: Micros::from_nanos(pts).ok()?,
        })
    }
}

impl Stream {
    pub(super) fn set_segment(&mut self, segment: &gst::Segment) {
        // Bytes and the like have no times.
        self.segment = segment.downcast_ref::<gst::ClockTime>().cloned();
    }

    /// Running time of a time of a buffer, in nanoseconds; negative before the segment.
    pub(super) fn running_time(&self, time: Option<gst::ClockTime>) -> Option<i128> {
        use gst::Signed::{Negative, Positive};
        match self.segment.as_ref()?.to_running_time_full(time?)? {
            Positive(time) => Some(time.nseconds().into()),
            Negative(time) => Some(-i128::from(time.nseconds())),
        }
    }

    /// The times of a buffer: decode and presentation, as running times in nanoseconds.
    pub(super) fn times(
        &mut self,
        buffer: &gst::BufferRef,
        now: impl Fn() -> i128,
    ) -> (i128, i128) {
        let dts = self.running_time(buffer.dts());
        let pts = self.running_time(buffer.pts()).or(dts).or(self.end);
        let pts = pts.unwrap_or_else(now);
        let dts = dts.unwrap_or(pts).min(pts);
        let duration = buffer.duration().map_or(0, |time| time.nseconds().into());
        self.end = Some(pts + duration);
        if let (Some(segment), Some(time)) = (&self.segment, buffer.pts()) {
            self.position = segment.to_stream_time(time).or(self.position);
        }
        (dts, pts)
    }

    /// Where the last buffer ends.
    pub(super) fn end(&self) -> Option<gst::ClockTime> {
        let end = u64::try_from(self.end?).ok()?;
        Some(gst::ClockTime::from_nseconds(end))
    }

    pub(super) fn extend(&mut self, end: i128) {
        self.end = self.end.max(Some(end));
    }

    /// After a flush: the same tracks go on with the next keyframe.
    pub(super) fn flush(&mut self) {
        self.segment = None;
        self.end = None;
        self.position = None;
        self.eos = false;
        match &mut self.content {
            Content::Nothing => {}
            Content::Track(track) => track.writer.interrupt(),
            Content::Movie(movie) => movie.restart(),
        }
    }

    /// Ends the tracks.
    pub(super) fn end_tracks(&mut self, now: Instant) {
        match std::mem::take(&mut self.content) {
            Content::Nothing => {}
            Content::Track(track) => {
                self.past.add(&track.writer.stats());
                track.writer.end(now);
            }
            Content::Movie(mut movie) => {
                for writer in movie.retire(&[]) {
                    writer.end(now);
                }
                self.past.add(&movie.past);
            }
        }
    }

    pub(super) fn stats(&self) -> publish::Stats {
        let mut stats = self.past;
        match &self.content {
            Content::Nothing => {}
            Content::Track(track) => stats.add(&track.writer.stats()),
            Content::Movie(movie) => stats.add(&movie.stats()),
        }
        stats
    }

    /// The writer of an elementary stream with this configuration: a new one, or the one that is
    /// there, told of the change.
    pub(super) fn configure(
        &mut self,
        name: Option<&str>,
        config: Config,
        now: Instant,
    ) -> Result<(), publish::Error> {
        match &mut self.content {
            Content::Track(track) if same_kind(&track.config, &config) => {
                if track.config != config {
                    track.writer.configure(config.clone(), now);
                    track.config = config;
                }
                return Ok(());
            }
            Content::Nothing => {}
            _ => self.end_tracks(now),
        }
        let Some(input) = &mut self.input else {
            return Ok(());
        };
        let writer = input.track(name, config.clone())?;
        input.ready(now);
        self.content = Content::Track(Elementary {
            writer,
            config,
            parameters: None,
        });
        Ok(())
    }
}

impl Elementary {
    /// A keyframe with its parameter sets before it, as late joiners need.
    pub(super) fn with_parameters(&mut self, codec: video::Codec, picture: Bytes) -> Bytes {
        let parameters = codec.parameters(&picture);
        if parameters.is_some() {
            self.parameters = parameters;
            return picture;
        }
        let Some(parameters) = &self.parameters else {
            return picture;
        };
        // The one copy of payload: an encoder that does not repeat its parameter sets.
        let mut whole = BytesMut::with_capacity(parameters.len() + picture.len());
        whole.put_slice(parameters);
        whole.put_slice(&picture);
        whole.freeze()
    }
}

fn same_kind(one: &Config, other: &Config) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Sound before running time zero that a decoder may need to start with, in nanoseconds.
const PRIMING: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(due: u64, micros: u32) -> Option<Timing> {
        Some(Timing {
            due: gst::ClockTime::from_nseconds(due),
            timestamp: Micros::new(micros),
        })
    }

    #[test]
    fn a_sample_is_due_when_it_is_to_be_decoded() {
        assert_eq!(Timing::new(1_000, 3_000, true), timing(1_000, 3));
        assert_eq!(Timing::new(5_000, 3_000, true), timing(3_000, 3));
        assert_eq!(Timing::new(-5_000, 3_000, true), timing(0, 3));
    }

    #[test]
    fn what_lies_before_zero_is_published_at_zero_or_dropped() {
        assert_eq!(
            Timing::new(-9_000_000_000, -9_000_000_000, true),
            timing(0, 0)
        );
        assert_eq!(Timing::new(-21_000_000, -21_000_000, false), timing(0, 0));
        assert_eq!(Timing::new(-1_000_000_001, -1_000_000_001, false), None);
    }
}
