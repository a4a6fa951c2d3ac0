//! What goes out of one pad: caps, segments, buffers and gaps.

use std::{
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};

use gst::{ClockTime, prelude::*};
use tokio::sync::watch;

use super::{
    caps::{Format, Payload},
    imp::CAT,
    run::{Mapped, Run},
    stream::{Source, Stream},
    times::Timed,
};
use crate::media::Kind;

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
    /// Where the newest buffer ends, in running time.
    end: Option<i64>,
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
    /// The running time at which it begins.
    start: i64,
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
            format: format.unwrap_or_else(|| Format::whole(gst::Caps::new_empty(), None)),
            identity: stream.identity(),
            next: None,
            tags,
            collection,
            segment: None,
            discont: true,
            end: None,
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

    /// Pushes a sample that is due as `mapped` says.
    pub(super) fn push(&mut self, timed: Timed, mapped: Mapped) -> Result<(), gst::FlowError> {
        if timed.sample.keyframe
            && let Some(next) = self.next.take()
        {
            self.introduce(next);
        }
        match self.format.payload {
            Payload::Whole => self.push_buffer(timed, mapped),
            Payload::Cues => match timed.cues() {
                Ok(cues) => cues
                    .into_iter()
                    .try_for_each(|cue| self.push_buffer(cue, mapped)),
                Err(error) => {
                    gst::warning!(CAT, obj = self.stream.pad(), "a text is left out: {error}");
                    Ok(())
                }
            },
        }
    }

    fn push_buffer(&mut self, timed: Timed, mapped: Mapped) -> Result<(), gst::FlowError> {
        let pad = self.stream.pad().clone();
        let sample = &timed.sample;
        let (pts, dts) = (mapped.time(timed.pts()), mapped.time(timed.dts()));
        let shift = self.segment(mapped, dts);
        if let Some(tags) = self.tags.take().filter(|tags| tags.n_tags() > 0) {
            pad.push_event(gst::event::Tag::new(tags));
        }
        let discont = sample.discont || self.discont;
        if pts + shift < 0 {
            // From before anything that can be decoded, such as a leading picture of an open group.
            self.discont = true;
            return Ok(());
        }
        let end = self.end.filter(|_| discont);
        if let Some(end) = end {
            self.push_gap(end, pts, shift);
        }
        // Where the mapping has gone back, what was there already is not shown once more, nor after what it precedes.
        let again = end.filter(|end| pts < end - ROUNDING);
        let start = again.unwrap_or(i64::MIN).max(mapped.not_before);
        if pts < start
            && self
                .segment
                .as_ref()
                .is_some_and(|segment| segment.start < start)
        {
            self.push_segment(mapped.joined, start, shift);
        }
        self.discont = false;
        let lasts = timed.duration.map_or(0, |time| time.useconds() as i64);
        self.end = self.end.max(Some(pts + lasts));

        let ahead = self.ahead(pts);
        let size = sample.payload.len();
        gst::trace!(
            CAT,
            obj = pad,
            "{} us of media, {size} bytes, is due at {pts} us, discont {discont}",
            timed.pts()
        );
        let mut buffer = gst::Buffer::from_slice(sample.payload.clone());
        if let Some(buffer) = buffer.get_mut() {
            let [pts, dts] = [pts, dts].map(|time| time + shift - ahead);
            buffer.set_pts(time_of(pts.max(0)));
            buffer.set_dts(timed.has_dts().then(|| time_of(dts)).flatten());
            buffer.set_duration(timed.duration);
            if !sample.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            if discont {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
            if let Some(wall) = self.run.wall_time(sample.pts) {
                let _ = gst::ReferenceTimestampMeta::add(buffer, &WALL, wall, timed.duration);
            }
        }
        pad.push(buffer)?;
        self.run.counters.add_buffer(size);
        Ok(())
    }

    /// How much earlier than it was due a picture is that lies before the segment. It is not shown, nor is what little
    /// of it reaches into the segment because times on the way are whole microseconds, or milliseconds: a decoder that
    /// clips it would show it in the place of the first one that counts.
    fn ahead(&self, pts: i64) -> i64 {
        let start = self.segment.as_ref().map(|segment| segment.start);
        match self.stream.kind() == Kind::Video && start.is_some_and(|start| pts < start) {
            true => ROUNDING,
            false => 0,
        }
    }

    /// Tells downstream that nothing will come before running time `until`.
    pub(super) fn skip_to(&mut self, until: i64, mapped: Mapped) {
        let shift = self.segment(mapped, mapped.start);
        let from = self.end.unwrap_or(mapped.start);
        if until > from {
            self.push_gap(from, until, shift);
            self.end = Some(until);
        }
    }

    /// Tells the application that a sample came `late` and was left out, and what follows until the next group with it.
    pub(super) fn left_out(&self, timed: &Timed, mapped: Mapped, late: Duration) {
        let Some(element) = self.run.element.upgrade() else {
            return;
        };
        let counters = &self.run.counters;
        let [processed, dropped] = [&counters.buffers, &counters.late]
            .map(|counter| gst::format::Buffers::from_u64(counter.load(Ordering::Relaxed)));
        let time = time_of(mapped.time(timed.pts()));
        let late = i64::try_from(late.as_nanos()).unwrap_or(i64::MAX);
        let message = gst::message::Qos::builder(true)
            .src(self.stream.pad())
            .running_time(time)
            .stream_time(time)
            .timestamp(time)
            .duration(timed.duration)
            .values(late, 1.0, QUALITY)
            .stats(processed, dropped)
            .build();
        let _ = element.post_message(message);
    }

    /// Nothing will follow.
    pub(super) fn end(&self) {
        self.stream.pad().push_event(gst::event::Eos::new());
    }

    /// How much later than in running time buffers of the segment are, after pushing it if that is necessary.
    fn segment(&mut self, mapped: Mapped, first: i64) -> i64 {
        self.tell_collection();
        match &self.segment {
            Some(segment) if segment.joined == mapped.joined => segment.shift,
            _ => {
                // Pictures may be shown before the keyframe that they follow.
                let shift = if first < 0 { LEADING - first } else { 0 };
                self.push_segment(mapped.joined, mapped.start, shift);
                self.discont = true;
                self.end = None;
                shift
            }
        }
    }

    /// Tells downstream what follows: of another stream everything anew, else what changed.
    fn introduce(&mut self, next: Next) {
        // Whoever chooses among streams has to know of one before it begins.
        self.tell_collection();
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

    /// What lies before `start` will be decoded and not shown.
    fn push_segment(&mut self, joined: u64, start: i64, shift: i64) {
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
            start,
            shift,
        });
    }

    fn push_gap(&self, from: i64, until: i64, shift: i64) {
        let (Some(from), Some(until)) = (time_of(from + shift), time_of(until + shift)) else {
            return;
        };
        if until > from {
            let gap = gst::event::Gap::builder(from).duration(until - from);
            self.stream.pad().push_event(gap.build());
        }
    }
}

/// Microseconds as GStreamer's time; `None` before its beginning.
fn time_of(micros: i64) -> Option<ClockTime> {
    u64::try_from(micros)
        .ok()?
        .checked_mul(1_000)
        .map(ClockTime::from_nseconds)
}

/// What ends so little after the live edge ends there, in microseconds.
const ROUNDING: i64 = 1_000;
/// So much before the first keyframe there may be pictures, in microseconds.
const LEADING: i64 = 1_000_000;
/// Of QoS messages: nothing was made worse.
const QUALITY: i32 = 1_000_000;
/// What reference timestamps count: nanoseconds since 1970.
static WALL: LazyLock<gst::Caps> =
    LazyLock::new(|| gst::Caps::new_empty_simple("timestamp/x-unix"));
