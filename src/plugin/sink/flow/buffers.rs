//! Buffers: taken in, waited for, read.

use bytes::Bytes;
use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    pace::Punctual,
    stream::{Content, Stream, Times, Timing},
    timeline::Place,
};
use crate::{plugin::words::sentence, publish};

impl MoqSink {
    pub(in super::super) fn chain(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        gst::trace!(CAT, obj = pad, "{buffer:?}");
        let imp = pad.imp();
        imp.trouble().check()?;
        self.begin(pad)?;
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
        drop(stream);
        self.resume(pad);
        let stream = imp.stream();
        match &stream.format {
            Some(Format::Mp4(header)) => {
                let header = header.clone();
                drop(stream);
                self.chain_movie(pad, &header, buffer)
            }
            Some(_) => {
                drop(stream);
                self.chain_elementary(pad, buffer)
            }
            None => {
                drop(stream);
                let message = gst::error_msg!(
                    gst::CoreError::Negotiation,
                    (
                        "Data without caps came to {}: put typefind, a parser or a capsfilter before it",
                        pad.name()
                    )
                );
                Err(self.refuse(pad, FlowError::NotNegotiated, message))
            }
        }
    }

    /// After EOS and a flush: the pad takes part in the broadcast again.
    pub(in super::super) fn resume(&self, pad: &MoqSinkPad) {
        if pad.imp().stream().input.is_none() {
            let input = self.input();
            pad.imp().stream().input = input;
        }
    }

    /// Waits until a sample is due.
    pub(in super::super) fn wait(
        &self,
        pad: &MoqSinkPad,
        due: gst::ClockTime,
    ) -> Result<Punctual, FlowError> {
        let id = pad.imp().id();
        let Some(most) = self.max_lateness() else {
            self.pace.wait_playing(id)?;
            return Ok(Punctual::Yes);
        };
        let late = self.pace.wait_until(self.obj().upcast_ref(), id, due)?;
        if late <= most {
            return Ok(Punctual::Yes);
        }
        gst::debug!(CAT, obj = pad, "too late by {late} ns: dropped");
        let qos = gst::event::Qos::builder(gst::QOSType::Underflow, 1.0, late)
            .timestamp(due)
            .build();
        // Who encodes may go faster; nobody has to.
        let _ = pad.push_event(qos);
        Ok(Punctual::No)
    }

    /// A place on the timeline.
    pub(in super::super) fn place(
        &self,
        place: &mut Place,
        times: &Times,
        now: Option<i128>,
    ) -> Option<Timing> {
        self.timeline.lock().place(place, times, now)
    }

    /// When something that is no sample is due.
    pub(in super::super) fn due(&self, place: &Place, time: i128) -> i128 {
        self.timeline.lock().due(place, time)
    }

    /// Drops a sample, and pictures that depend on it.
    pub(in super::super) fn skip(&self, pad: &MoqSinkPad) {
        if let Content::Track(track) = &mut pad.imp().stream().content {
            track.writer.skip();
        }
    }

    /// Whether the buffer is no part of its segment, or cannot be published in the order in which it comes.
    pub(in super::super) fn is_outside(
        &self,
        pad: &MoqSinkPad,
        stream: &mut Stream,
        buffer: &gst::BufferRef,
    ) -> bool {
        if stream.is_reverse() {
            if !std::mem::replace(&mut stream.warned.reverse, true) {
                gst::warning!(CAT, obj = pad, "what runs backwards is not published");
            }
            return true;
        }
        stream.is_beyond(buffer)
    }

    /// The running time of the pipeline now, in nanoseconds.
    pub(in super::super) fn now(&self) -> Option<i128> {
        let now = self.obj().current_running_time()?;
        Some(now.nseconds().into())
    }

    /// The buffer's memory, mapped for as long as somebody reads the bytes.
    pub(in super::super) fn payload(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<Bytes, FlowError> {
        let ours = buffer
            .iter_memories()
            .all(|memory| ORDINARY.iter().any(|kind| memory.is_type(*kind)));
        match buffer.into_mapped_buffer_readable() {
            Ok(mapped) if ours => Ok(Bytes::from_owner(mapped)),
            // Memory of a device belongs to a small pool, which must not wait for viewers.
            Ok(mapped) => Ok(Bytes::copy_from_slice(&mapped)),
            Err(_) => {
                let message = gst::error_msg!(
                    gst::ResourceError::Read,
                    ("The memory of a buffer cannot be read: put an element before the sink that copies it to \
                         system memory")
                );
                Err(self.refuse(pad, FlowError::Error, message))
            }
        }
    }

    pub(in super::super) fn early(
        &self,
        pad: &MoqSinkPad,
        mut stream: parking_lot::MutexGuard<'_, Stream>,
    ) {
        if !std::mem::replace(&mut stream.warned.early, true) {
            drop(stream);
            gst::warning!(CAT, obj = pad, "sound from before its segment is dropped");
        }
    }

    pub(in super::super) fn fail(&self, pad: &MoqSinkPad, error: &publish::Error) -> FlowError {
        // The end of a track that stops is no error of the stream.
        if matches!(error, publish::Error::Ended(_)) {
            gst::debug!(CAT, imp = self, "{error}");
            return FlowError::Flushing;
        }
        let text = sentence(&error.to_string());
        let message = gst::error_msg!(gst::StreamError::Failed, ("{text}"));
        self.refuse(pad, FlowError::Error, message)
    }
}

/// Kinds of memory of which there is enough: of the C library, and of Rust elements.
const ORDINARY: [&str; 2] = ["SystemMemory", "RustGlobalAllocatorMemory"];
