//! What a pad receives between stream-start and EOS: format, times, tracks.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::{format::Format, keyunit::KeyUnits, movie::Movie, tags::Tags, timeline::Place};
use crate::{
    media::{Config, Micros, iso::Converter, video},
    publish::{self, Input, Sample, TrackOptions, TrackWriter},
};

/// The stream of one pad.
#[derive(Default)]
pub(super) struct Stream {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    pub(super) format: Option<Format>,
    pub(super) input: Option<Input>,
    pub(super) content: Content,
    /// Where the track of an elementary stream stands.
    pub(super) place: Place,
    /// Running time at which the last buffer ends, in nanoseconds; `None` where it does not say.
    end: Option<i128>,
    /// When the last sample has been shown.
    due_end: Option<i128>,
    /// Stream time of the last buffer.
    pub(super) position: Option<gst::ClockTime>,
    pub(super) eos: bool,
    /// Warnings that were given, each once for a stream.
    pub(super) warned: Warned,
    pub(super) key_units: KeyUnits,
    /// What tags say of it.
    pub(super) tags: Tags,
    past: publish::Stats,
}

/// What is written.
#[derive(Default)]
pub(super) enum Content {
    #[default]
    Nothing,
    Track(Box<Elementary>),
    Movie(Box<Movie>),
}

/// An elementary stream.
pub(super) struct Elementary {
    pub(super) writer: TrackWriter,
    config: Config,
    /// Parameter sets, for keyframes that come without them.
    parameters: Option<Bytes>,
    /// For a byte-stream in a container that has none.
    pub(super) converter: Option<Converter>,
}

/// Warnings that are given once.
#[derive(Default)]
pub(super) struct Warned {
    pub(super) empty: bool,
    pub(super) parameters: bool,
    pub(super) early: bool,
    pub(super) reverse: bool,
}

/// When a sample is sent, and what time it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    /// As running time of the pipeline.
    pub(super) due: gst::ClockTime,
    pub(super) timestamp: Micros,
    /// When to decode it, on the same timeline: that is when it is due.
    pub(super) dts: Micros,
}

impl Timing {
    /// From nanoseconds; a sample is decoded `lead` before it is shown. `None` beyond the end of time.
    pub(super) fn new(due: i128, shown: i128, lead: i128) -> Option<Self> {
        let nanos = |time: i128| u64::try_from(time.max(0)).ok();
        Some(Self {
            due: gst::ClockTime::from_nseconds(nanos(due)?),
            timestamp: Micros::from_nanos(nanos(shown)?).ok()?,
            dts: Micros::from_nanos(nanos(shown - lead)?).ok()?,
        })
    }

    /// A sample with these times, that lasts so many nanoseconds.
    pub(super) fn sample(self, duration: Option<i128>, keyframe: bool, payload: Bytes) -> Sample {
        let duration = duration.and_then(|time| u64::try_from(time).ok());
        let duration = duration.and_then(|time| Micros::from_nanos(time).ok());
        Sample {
            timestamp: self.timestamp,
            dts: Some(self.dts),
            duration: duration.filter(|duration| !duration.is_zero()),
            keyframe,
            payload,
        }
    }
}

/// What a sample says of its time: running times of its pad, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// When it is to be decoded; not after `pts`.
    pub(super) dts: i128,
    pub(super) pts: i128,
    pub(super) duration: Option<i128>,
    /// Where the segment begins.
    pub(super) floor: i128,
    pub(super) is_video: bool,
    pub(super) keyframe: bool,
}

impl Times {
    /// Whether a group may begin with it.
    pub(super) fn is_key(&self) -> bool {
        self.keyframe || !self.is_video
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

    /// Where the segment begins, as running time.
    pub(super) fn floor(&self) -> i128 {
        let segment = self.segment.as_ref();
        let start = segment.and_then(|segment| match segment.rate() < 0.0 {
            true => segment.stop(),
            false => segment.start(),
        });
        self.running_time(start).unwrap_or(0)
    }

    /// Whether nothing of the buffer lies before the end of the segment, so that it is not part of it.
    pub(super) fn is_beyond(&self, buffer: &gst::BufferRef) -> bool {
        let time = buffer.dts().or(buffer.pts());
        let stop = self.segment.as_ref().and_then(|segment| segment.stop());
        matches!((time, stop), (Some(time), Some(stop)) if time >= stop)
    }

    /// Whether the segment runs backwards.
    pub(super) fn is_reverse(&self) -> bool {
        self.segment
            .as_ref()
            .is_some_and(|segment| segment.rate() < 0.0)
    }

    /// The times of a buffer. One without PTS is given its DTS, else the end of the buffer before it, else `now`.
    pub(super) fn times(&mut self, buffer: &gst::BufferRef, now: i128) -> Times {
        let rate = self
            .segment
            .as_ref()
            .map_or(1.0, |segment| segment.rate().abs());
        let duration = buffer
            .duration()
            .map(|time| (time.nseconds() as f64 / rate) as i128);
        let dts = self.running_time(buffer.dts());
        let pts = self.running_time(buffer.pts()).or(dts).or(self.end);
        let pts = pts.unwrap_or(now);
        let dts = dts.unwrap_or(pts).min(pts);
        // Without a duration a buffer without times is where it arrives.
        self.end = duration.map(|duration| pts + duration);
        if let (Some(segment), Some(time)) = (&self.segment, buffer.pts()) {
            self.position = segment.to_stream_time(time).or(self.position);
        }
        Times {
            dts,
            pts,
            duration,
            floor: self.floor(),
            is_video: false,
            keyframe: true,
        }
    }

    /// Nothing comes before this running time of the pad.
    pub(super) fn pass(&mut self, time: i128) {
        self.end = Some(time);
    }

    /// Notes when the stream ends if nothing more comes, as running time of the pipeline.
    pub(super) fn extend(&mut self, end: i128) {
        self.due_end = self.due_end.max(Some(end));
    }

    /// When the last sample has been shown, as running time of the pipeline.
    pub(super) fn end(&self) -> Option<gst::ClockTime> {
        let end = u64::try_from(self.due_end?).ok()?;
        Some(gst::ClockTime::from_nseconds(end))
    }

    /// After a flush: the same tracks go on with the next keyframe. `restarted` says that running times begin
    /// again.
    pub(super) fn flush(&mut self, restarted: bool) {
        self.segment = None;
        self.end = None;
        self.due_end = None;
        self.position = None;
        self.eos = false;
        if restarted {
            self.place.flush();
        }
        match &mut self.content {
            Content::Nothing => {}
            Content::Track(track) => track.writer.interrupt(),
            Content::Movie(movie) => movie.restart(restarted),
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

    /// Every track that is being written.
    pub(super) fn tracks(&self) -> impl Iterator<Item = &TrackWriter> {
        let (one, several) = match &self.content {
            Content::Nothing => (None, None),
            Content::Track(track) => (Some(&track.writer), None),
            Content::Movie(movie) => (None, Some(movie.writers())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// The writer of an elementary stream with this configuration: a new one, or the one that is
    /// there, told of the change.
    pub(super) fn configure(
        &mut self,
        options: TrackOptions,
        config: Config,
        now: Instant,
    ) -> Result<(), publish::Error> {
        match &mut self.content {
            // With another codec viewers need another decoder, and know by the track which: of one that has a name of its
            // own there is only one.
            Content::Track(track)
                if track.config.kind() == config.kind()
                    && (options.name.is_some() || is_same_codec(&track.config, &config)) =>
            {
                if track.config != config {
                    track.writer.configure(config.clone(), now)?;
                    track.config = config;
                }
                return Ok(());
            }
            Content::Nothing | Content::Track(_) => {}
            Content::Movie(_) => self.end_tracks(now),
        }
        let options = self.tags.complete(options);
        let Some(input) = &mut self.input else {
            return Ok(());
        };
        let writer = input.track_with(&options, config.clone())?;
        // No catalog lacks both, or has both.
        self.end_tracks(now);
        if let Some(input) = &mut self.input {
            input.ready(now);
        }
        self.content = Content::Track(Box::new(Elementary {
            writer,
            config,
            parameters: None,
            converter: None,
        }));
        Ok(())
    }

    /// Applies what the user or tags say to the tracks that are there.
    pub(super) fn set_options(&mut self, options: TrackOptions, now: Instant) {
        let options = self.tags.complete(options);
        match &mut self.content {
            Content::Nothing => {}
            Content::Track(track) => {
                track.writer.set_policy(options.policy);
                track.writer.describe(options.details, now);
            }
            Content::Movie(movie) => movie.set_options(&options, now),
        }
    }
}

/// Whether a decoder of one takes the other.
fn is_same_codec(one: &Config, other: &Config) -> bool {
    let [one, other] = [one, other].map(|config| match config.codec().split('.').next() {
        Some("avc1" | "avc3") => "h264",
        Some("hvc1" | "hev1") => "h265",
        codec => codec.unwrap_or_default(),
    });
    one == other
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
