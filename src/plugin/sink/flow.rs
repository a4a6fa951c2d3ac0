//! What flows through the pads: buffers, events, and the end.

use std::time::Instant;

use bytes::Bytes;
use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    interleave::Scheduled,
    movie::Movie,
    pace::Done,
    stream::{Content, Stream, Timing},
};
use crate::{
    media::fmp4,
    plugin::runtime,
    publish::{self, Publisher, Sample},
};

/// Which samples of a movie are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Release {
    /// Those of which it is known that none is due before.
    Known,
    /// All: nothing follows that belongs to them.
    All,
}

impl MoqSink {
    pub(super) fn chain(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        gst::trace!(CAT, obj = pad, "{buffer:?}");
        let imp = pad.imp();
        self.pace.wait_playing(imp.id())?;
        let mut stream = imp.stream();
        if stream.eos {
            return Err(FlowError::Eos);
        }
        if buffer.size() == 0 {
            if !std::mem::replace(&mut stream.warned.empty, true) {
                drop(stream);
                gst::warning!(CAT, obj = pad, "buffers without data are ignored");
            }
            return Ok(FlowSuccess::Ok);
        }
        if stream.input.is_none() {
            drop(stream);
            let input = self.input();
            stream = imp.stream();
            stream.input = input;
        }
        match &stream.format {
            Some(Format::Mp4) => {
                drop(stream);
                self.chain_movie(pad, buffer)
            }
            Some(_) => {
                drop(stream);
                self.chain_elementary(pad, buffer)
            }
            None => {
                drop(stream);
                gst::element_imp_error!(
                    self,
                    gst::CoreError::Negotiation,
                    (
                        "Data without caps came to {}: put typefind, a parser or a capsfilter before it",
                        pad.name()
                    )
                );
                Err(FlowError::NotNegotiated)
            }
        }
    }

    fn chain_elementary(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let mut stream = pad.imp().stream();
        let (dts, pts) = stream.times(&buffer, || self.now());
        let payload = self.payload(buffer)?;
        let Some(format) = &stream.format else {
            return Err(FlowError::NotNegotiated);
        };
        let keyframe = format.is_keyframe(&payload);
        let config = match format {
            Format::ByteStream { hints } if keyframe => hints.config(&payload),
            Format::ByteStream { .. } => None,
            format => format.config(),
        };
        let is_video = !matches!(format, Format::Audio(_));
        if let Some(config) = config {
            let name = pad.imp().track();
            stream
                .configure(name.as_deref(), config, Instant::now())
                .map_err(|error| self.fail(&error))?;
        }
        let parameters_missing = keyframe && matches!(stream.content, Content::Nothing);
        if parameters_missing && !std::mem::replace(&mut stream.warned.parameters, true) {
            drop(stream);
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("The H.264 stream has no parameter sets and cannot be published without: put \
                     \"h264parse config-interval=-1\" before the sink")
            );
            return Ok(FlowSuccess::Ok);
        }
        let Some(timing) = Timing::new(dts, pts, is_video) else {
            self.early(pad, stream);
            return Ok(FlowSuccess::Ok);
        };
        drop(stream);
        self.wait(pad, timing.due)?;

        let mut stream = pad.imp().stream();
        let annex_b = matches!(stream.format, Some(Format::ByteStream { .. }));
        let Content::Track(track) = &mut stream.content else {
            gst::debug!(CAT, obj = pad, "dropped: no keyframe yet");
            return Ok(FlowSuccess::Ok);
        };
        let payload = match keyframe && annex_b {
            true => track.with_parameters(payload),
            false => payload,
        };
        let sample = Sample {
            timestamp: timing.timestamp,
            keyframe,
            payload,
        };
        let written = track.writer.write(sample, Instant::now());
        drop(stream);
        match written {
            Ok(true) => {}
            Ok(false) => gst::debug!(CAT, obj = pad, "dropped: no keyframe yet"),
            Err(error) => return Err(self.fail(&error)),
        }
        Ok(FlowSuccess::Ok)
    }

    fn chain_movie(&self, pad: &MoqSinkPad, buffer: gst::Buffer) -> Result<FlowSuccess, FlowError> {
        let imp = pad.imp();
        let mut stream = imp.stream();
        let presented = stream.running_time(buffer.pts());
        let payload = self.payload(buffer)?;
        if !matches!(stream.content, Content::Movie(_)) {
            stream.end_tracks(Instant::now());
            stream.content = Content::Movie(Movie::default());
        }
        let Content::Movie(movie) = &mut stream.content else {
            return Err(FlowError::Error);
        };
        let pushed = movie.push(payload, presented);
        drop(stream);
        // What came before an error is good.
        while let Some(event) = next_event(pad) {
            match event {
                fmp4::Event::Tracks(tracks) => {
                    self.release(pad, Release::All)?;
                    self.movie_tracks(pad, tracks)?;
                }
                fmp4::Event::Sample(sample) => self.movie_sample(pad, sample),
            }
        }
        self.release(pad, Release::Known)?;
        if let Err(error) = pushed {
            gst::element_imp_error!(
                self,
                gst::StreamError::Demux,
                (
                    "The fragmented MP4 on {} cannot be read: {error}",
                    pad.name()
                )
            );
            return Err(FlowError::Error);
        }
        Ok(FlowSuccess::Ok)
    }

    fn movie_tracks(&self, pad: &MoqSinkPad, tracks: Vec<fmp4::Track>) -> Result<(), FlowError> {
        let now = Instant::now();
        let (good, bad): (Vec<_>, Vec<_>) =
            tracks.into_iter().partition(|track| track.config.is_ok());
        let reasons: Vec<_> = bad
            .iter()
            .filter_map(|track| track.config.as_ref().err())
            .map(ToString::to_string)
            .collect();
        if good.is_empty() {
            gst::element_imp_error!(
                self,
                gst::StreamError::CodecNotFound,
                (
                    "The MP4 on {} has no track that can be published ({})",
                    pad.name(),
                    reasons.join("; ")
                )
            );
            return Err(FlowError::Error);
        }
        if !reasons.is_empty() {
            gst::element_imp_warning!(
                self,
                gst::StreamError::CodecNotFound,
                (
                    "Not every track of the MP4 is published: {}",
                    reasons.join("; ")
                )
            );
        }
        let name = pad.imp().track().filter(|_| good.len() == 1);
        let mut stream = pad.imp().stream();
        let Stream { content, input, .. } = &mut *stream;
        let (Content::Movie(movie), Some(input)) = (content, input) else {
            return Ok(());
        };
        let listed: Vec<_> = good.iter().map(|track| track.id).collect();
        movie
            .retire(&listed)
            .into_iter()
            .for_each(|gone| gone.end(now));
        let result = good.into_iter().try_for_each(|track| {
            let Ok(config) = track.config else {
                return Ok(());
            };
            if let Some(known) = movie.track(track.id) {
                known.writer.configure(config, now);
                movie.set_timescale(track.id, track.timescale);
                return Ok(());
            }
            let writer = input.track(name.as_deref(), config)?;
            movie.set(track.id, track.timescale, writer);
            Ok(())
        });
        input.ready(now);
        drop(stream);
        result.map_err(|error: publish::Error| self.fail(&error))
    }

    fn movie_sample(&self, pad: &MoqSinkPad, sample: fmp4::Sample) {
        let mut stream = pad.imp().stream();
        let Content::Movie(movie) = &mut stream.content else {
            return;
        };
        let Some((dts, pts)) = movie.times(&sample, self.now()) else {
            return;
        };
        let track = movie.track(sample.track);
        let is_video = track.is_some_and(|track| track.writer.is_video());
        let Some(timing) = Timing::new(dts, pts, is_video) else {
            return self.early(pad, stream);
        };
        movie.queue.push(Scheduled {
            track: sample.track,
            timing,
            keyframe: sample.keyframe,
            payload: sample.payload,
        });
        stream.extend(pts);
    }

    /// Sends samples of a movie, each when it is due.
    fn release(&self, pad: &MoqSinkPad, which: Release) -> Result<(), FlowError> {
        loop {
            let mut stream = pad.imp().stream();
            let Content::Movie(movie) = &mut stream.content else {
                return Ok(());
            };
            let Some(due) = movie.queue.due() else {
                return Ok(());
            };
            let known = which == Release::All || movie.is_complete();
            drop(stream);
            if self.sync() && !known && !self.pace.is_due(self.obj().upcast_ref(), due) {
                // What comes next may be due before.
                return Ok(());
            }
            self.wait(pad, due)?;

            let mut stream = pad.imp().stream();
            let Content::Movie(movie) = &mut stream.content else {
                return Ok(());
            };
            let Some(sample) = movie.queue.pop() else {
                return Ok(());
            };
            let Some(track) = movie.track(sample.track) else {
                continue;
            };
            let written = track.writer.write(
                Sample {
                    timestamp: sample.timing.timestamp,
                    keyframe: sample.keyframe,
                    payload: sample.payload,
                },
                Instant::now(),
            );
            drop(stream);
            if let Err(error) = written {
                return Err(self.fail(&error));
            }
        }
    }

    pub(super) fn sink_event(
        &self,
        pad: &MoqSinkPad,
        event: gst::Event,
    ) -> Result<FlowSuccess, FlowError> {
        use gst::EventView;
        gst::debug!(CAT, obj = pad, "{event:?}");
        let imp = pad.imp();
        match event.view() {
            EventView::StreamStart(_) => {
                imp.stream().eos = false;
                self.revive();
            }
            EventView::Caps(caps) => return self.set_caps(pad, caps.caps()),
            EventView::Segment(segment) => imp.stream().set_segment(segment.segment()),
            EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                let mut stream = imp.stream();
                let due = stream.running_time(Some(start));
                if let Some(due) = due {
                    let duration = duration.map_or(0, |time| time.nseconds().into());
                    stream.extend(due + duration);
                }
                drop(stream);
                let due = due.and_then(|due| u64::try_from(due).ok());
                self.wait(pad, gst::ClockTime::from_nseconds(due.unwrap_or(0)))?;
            }
            EventView::FlushStart(_) => self.pace.set_flushing(imp.id(), true),
            EventView::FlushStop(_) => {
                imp.stream().flush();
                self.revive();
                self.pace.set_flushing(imp.id(), false);
            }
            EventView::Eos(_) => return self.end(pad, event.seqnum()),
            _ => {}
        }
        match gst::Pad::event_default(pad, Some(&*self.obj()), event) {
            true => Ok(FlowSuccess::Ok),
            false => Err(FlowError::Error),
        }
    }

    fn set_caps(&self, pad: &MoqSinkPad, caps: &gst::CapsRef) -> Result<FlowSuccess, FlowError> {
        self.release(pad, Release::All)?;
        let format = match Format::new(caps) {
            Ok(format) => format,
            Err(sentence) => {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Format,
                    ("{sentence}"),
                    ["caps on {}: {caps}", pad.name()]
                );
                return Err(FlowError::NotNegotiated);
            }
        };
        let config = format.config();
        let name = pad.imp().track();
        let mut stream = pad.imp().stream();
        stream.format = Some(format);
        let configured = match config {
            Some(config) => stream.configure(name.as_deref(), config, Instant::now()),
            None => Ok(()),
        };
        drop(stream);
        match configured {
            Ok(()) => Ok(FlowSuccess::Ok),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// EOS on a pad.
    fn end(&self, pad: &MoqSinkPad, seqnum: gst::Seqnum) -> Result<FlowSuccess, FlowError> {
        let imp = pad.imp();
        self.pace.wait_playing(imp.id())?;
        self.release(pad, Release::All)?;
        let end = imp.stream().end();
        if let Some(end) = end {
            self.wait(pad, end)?;
        }
        let mut stream = imp.stream();
        let truncated = match &stream.content {
            Content::Movie(movie) => movie.finish().err(),
            _ => None,
        };
        stream.end_tracks(Instant::now());
        stream.input = None;
        stream.eos = true;
        drop(stream);
        if let Some(error) = truncated {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Demux,
                (
                    "The fragmented MP4 on {} ends too early: {error}",
                    pad.name()
                )
            );
        }
        self.finish(Some(imp.id()), seqnum)
    }

    /// If all pads are at EOS: waits for viewers, then posts EOS. `waiting` is the pad whose flush
    /// ends the wait.
    pub(super) fn finish(
        &self,
        waiting: Option<u32>,
        seqnum: gst::Seqnum,
    ) -> Result<FlowSuccess, FlowError> {
        let Some(publisher) = self.take_ended() else {
            return Ok(FlowSuccess::Ok);
        };
        let waiting = waiting.unwrap_or(u32::MAX);
        if let Some(publisher) = publisher {
            self.drain(waiting, publisher)?;
        }
        self.pace.wait_playing(waiting)?;
        gst::debug!(CAT, imp = self, "posting EOS");
        let element = self.obj();
        let message = gst::message::Eos::builder()
            .src(&*element)
            .seqnum(seqnum)
            .build();
        // Without a bus nobody wants to know.
        let _ = element.post_message(message);
        Ok(FlowSuccess::Ok)
    }

    /// Waits until viewers have everything, or `drain-timeout` is over. Then the broadcast is gone.
    fn drain(&self, waiting: u32, publisher: Publisher) -> Result<(), FlowError> {
        let drained = publisher.finish();
        let (done, pace, timeout) = (Done::default(), self.pace.clone(), self.drain_timeout());
        let setter = done.clone();
        let task = runtime::spawn(async move {
            let in_time = tokio::time::timeout(timeout, drained).await.is_ok();
            tracing::debug!(in_time, "drained");
            setter.set(&pace);
        });
        let waited = self.pace.wait_done(waiting, &done);
        task.abort();
        waited
    }

    fn wait(&self, pad: &MoqSinkPad, due: gst::ClockTime) -> Result<(), FlowError> {
        let id = pad.imp().id();
        if self.sync() {
            self.pace.wait_until(self.obj().upcast_ref(), id, due)
        } else {
            self.pace.wait_playing(id)
        }
    }

    /// The running time now, in nanoseconds.
    fn now(&self) -> i128 {
        self.obj()
            .current_running_time()
            .map_or(0, |time| time.nseconds().into())
    }

    /// The buffer's memory, mapped for as long as somebody reads the bytes.
    fn payload(&self, buffer: gst::Buffer) -> Result<Bytes, FlowError> {
        let ours = buffer
            .iter_memories()
            .all(|memory| ORDINARY.iter().any(|kind| memory.is_type(*kind)));
        match buffer.into_mapped_buffer_readable() {
            Ok(mapped) if ours => Ok(Bytes::from_owner(mapped)),
            // Memory of a device belongs to a small pool, which must not wait for viewers.
            Ok(mapped) => Ok(Bytes::copy_from_slice(&mapped)),
            Err(_) => {
                gst::element_imp_error!(
                    self,
                    gst::ResourceError::Read,
                    ("The memory of a buffer cannot be read: put an element before the sink that copies it to \
                         system memory")
                );
                Err(FlowError::Error)
            }
        }
    }

    fn early(&self, pad: &MoqSinkPad, mut stream: parking_lot::MutexGuard<'_, Stream>) {
        if !std::mem::replace(&mut stream.warned.early, true) {
            drop(stream);
            gst::warning!(
                CAT,
                obj = pad,
                "sound from before running time zero is dropped"
            );
        }
    }

    fn fail(&self, error: &publish::Error) -> FlowError {
        // The end of a track that stops is no error of the stream.
        if matches!(error, publish::Error::Ended(_)) {
            gst::debug!(CAT, imp = self, "{error}");
            return FlowError::Flushing;
        }
        let text = capitalised(&error.to_string());
        gst::element_imp_error!(self, gst::StreamError::Failed, ("{text}"));
        FlowError::Error
    }
}

fn next_event(pad: &MoqSinkPad) -> Option<fmp4::Event> {
    match &mut pad.imp().stream().content {
        Content::Movie(movie) => movie.next(),
        _ => None,
    }
}

/// The text with a capital first letter.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// Kinds of memory of which there is enough: of the C library, and of Rust elements.
const ORDINARY: [&str; 2] = ["SystemMemory", "RustGlobalAllocatorMemory"];
