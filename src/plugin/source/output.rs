//! What goes out of one pad: caps, segments and buffers.

use std::sync::Arc;

use gst::{ClockTime, prelude::*};
use tokio::sync::watch;

use super::{
    caps::Format,
    run::Run,
    stream::{Source, Stream},
};
use crate::subscribe::Sample;

/// The pad's side towards downstream, and what downstream was told.
pub(super) struct Output {
    run: Arc<Run>,
    stream: Stream,
    format: Format,
    /// Which stream of the collection downstream knows this to be.
    identity: gst::Stream,
    /// What begins with the next keyframe.
    next: Option<Next>,
    /// Tags that go before the next buffer.
    tags: Option<gst::TagList>,
    collection: watch::Receiver<Option<gst::StreamCollection>>,
    segment: Option<Segment>,
    discont: bool,
}

/// A rendition, or a new form of the one that there is.
struct Next {
    identity: gst::Stream,
    format: Format,
    tags: gst::TagList,
}

/// The segment that downstream has.
struct Segment {
    event: gst::Event,
    joined: u64,
    /// Added to running times, so that none is negative.
    shift: i64,
}

impl Output {
    /// Of a pad to which its stream and caps were sent already.
    pub(super) fn new(run: &Arc<Run>, stream: &Stream, source: Option<Source>) -> Self {
        let (format, tags) = source.map(|source| (source.format, source.tags)).unzip();
        let mut collection = run.collection.subscribe();
        collection.mark_unchanged();
        Self {
            run: run.clone(),
            stream: stream.clone(),
            format: format.unwrap_or(Format {
                caps: gst::Caps::new_empty(),
                duration: None,
            }),
            identity: stream.identity(),
            next: None,
            tags,
            collection,
            segment: None,
            discont: true,
        }
    }

    /// Describes what comes with the next keyframe.
    pub(super) fn set_source(&mut self, source: &Source, identity: &gst::Stream) {
        self.next = Some(Next {
            identity: identity.clone(),
            format: source.format.clone(),
            tags: source.tags.clone(),
        });
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
            && let Some(next) = self.next.take()
        {
            self.introduce(next);
        }
        self.tell_collection();
        let shift = match &self.segment {
            Some(segment) if segment.joined == joined => segment.shift,
            _ => self.push_segment(joined, start, time),
        };
        if let Some(tags) = self.tags.take().filter(|tags| tags.n_tags() > 0) {
            pad.push_event(gst::event::Tag::new(tags));
        }
        let Some(pts) = time_of(time + shift) else {
            // From before anything that can be decoded, such as a leading picture of an open group.
            self.discont = true;
            return Ok(());
        };

        let size = sample.payload.len();
        let mut buffer = gst::Buffer::from_slice(sample.payload);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(pts);
            buffer.set_duration(self.format.duration);
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

    /// Tells downstream what follows: of another stream everything anew, else what changed.
    fn introduce(&mut self, next: Next) {
        let pad = self.stream.pad();
        let id = next.identity.stream_id().unwrap_or_default();
        let other = self.identity.stream_id().as_deref() != Some(id.as_str());
        if other {
            let start = gst::event::StreamStart::builder(&id)
                .group_id(self.run.group)
                .stream(next.identity.clone())
                .build();
            pad.push_event(start);
        }
        if other || next.format != self.format {
            pad.push_event(gst::event::Caps::new(&next.format.caps));
        }
        if other && let Some(segment) = &self.segment {
            pad.push_event(segment.event.clone());
        }
        self.identity = next.identity;
        self.format = next.format;
        self.tags = Some(next.tags);
        self.stream.set_shown(&self.identity);
        self.run.changed.notify_one();
    }

    fn tell_collection(&mut self) {
        if !self.collection.has_changed().unwrap_or(false) {
            return;
        }
        let collection = self.collection.borrow_and_update().clone();
        if let Some(collection) = collection {
            let event = gst::event::StreamCollection::new(&collection);
            self.stream.pad().push_event(event);
        }
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
        let event = gst::event::Segment::new(&segment);
        self.stream.pad().push_event(event.clone());
        self.segment = Some(Segment {
            event,
            joined,
            shift,
        });
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
