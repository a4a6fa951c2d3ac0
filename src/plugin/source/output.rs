//! What goes out of one pad: caps, segments and buffers.

use std::sync::Arc;

use gst::{ClockTime, prelude::*};

use super::{caps::Format, run::Run, stream::Stream};
use crate::{media::Micros, subscribe::Sample};

/// The pad's side towards downstream, and what downstream was told.
pub(super) struct Output {
    run: Arc<Run>,
    stream: Stream,
    format: Format,
    /// Caps that begin with the next keyframe.
    next_format: Option<Format>,
    segment: Option<Segment>,
    discont: bool,
}

/// The segment that downstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    joined: u64,
    /// Added to running times, so that none is negative.
    shift: i64,
}

impl Output {
    /// Of a pad whose caps were sent already.
    pub(super) fn new(run: &Arc<Run>, stream: &Stream, format: Option<Format>) -> Self {
        Self {
            run: run.clone(),
            stream: stream.clone(),
            format: format.unwrap_or(Format {
                caps: gst::Caps::new_empty(),
                duration: None,
            }),
            next_format: None,
            segment: None,
            discont: true,
        }
    }

    /// Describes what comes with the next keyframe.
    pub(super) fn set_format(&mut self, format: &Format) {
        if *format != self.format {
            self.next_format = Some(format.clone());
        }
    }

    /// What comes next does not follow what was.
    pub(super) fn interrupt(&mut self) {
        self.discont = true;
    }

    /// Downstream no longer knows what it was told.
    pub(super) fn forget(&mut self) {
        self.segment = None;
        self.discont = true;
    }

    /// Pushes a sample that is due at `time`. It belongs to the join `joined`, whose live edge was at `start`.
    pub(super) fn push(
        &mut self,
        sample: Sample,
        time: i64,
        joined: u64,
        start: i64,
    ) -> Result<(), gst::FlowError> {
        let pad = self.stream.pad().clone();
        if sample.keyframe
            && let Some(format) = self.next_format.take()
        {
            pad.push_event(gst::event::Caps::new(&format.caps));
            self.format = format;
        }
        let shift = match self.segment {
            Some(segment) if segment.joined == joined => segment.shift,
            _ => self.push_segment(joined, start, time),
        };
        let Some(pts) = time_of(time + shift) else {
            // From before anything that can be decoded, such as a leading picture of an open group.
            self.discont = true;
            return Ok(());
        };

        let micros = |time: Micros| time.as_micros() as i64;
        let lead = sample.dts.map(|dts| micros(sample.pts) - micros(dts));
        let dts = lead.and_then(|lead| time_of(time + shift - lead));
        let duration = sample.duration.and_then(|time| time_of(micros(time)));
        let size = sample.payload.len();
        let mut buffer = gst::Buffer::from_slice(sample.payload);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(pts);
            buffer.set_dts(dts);
            buffer.set_duration(self.format.duration.or(duration));
            if !sample.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            if sample.discont || self.discont {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        self.discont = false;
        pad.push(buffer)?;
        self.run.counters.add_buffer(size);
        Ok(())
    }

    /// Nothing will follow.
    pub(super) fn end(&self) {
        self.stream.pad().push_event(gst::event::Eos::new());
    }

    /// What is before `start` will be decoded and not shown.
    fn push_segment(&mut self, joined: u64, start: i64, first: i64) -> i64 {
        // Pictures may be shown before the keyframe that they follow.
        let shift = if first < 0 { LEADING - first } else { 0 };
        let base = time_of(start);
        let mut segment = gst::FormattedSegment::<ClockTime>::new();
        segment.set_start(time_of(start + shift));
        segment.set_base(base);
        segment.set_time(base);
        segment.set_position(time_of(start + shift));
        self.stream
            .pad()
            .push_event(gst::event::Segment::new(&segment));
        self.segment = Some(Segment { joined, shift });
        self.discont = true;
        shift
    }
}

/// Microseconds as GStreamer's time; `None` before its beginning.
fn time_of(micros: i64) -> Option<ClockTime> {
    u64::try_from(micros)
        .ok()?
        .checked_mul(1_000)
        .map(ClockTime::from_nseconds)
}

/// So much before the first keyframe there may be pictures, in microseconds.
const LEADING: i64 = 1_000_000;
