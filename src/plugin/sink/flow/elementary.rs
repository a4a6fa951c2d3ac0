//! Buffers of an elementary stream: each is one sample.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    pace::Punctual,
    stream::{Content, Stream},
};
use crate::publish::Sample;

impl MoqSink {
    pub(in super::super) fn chain_elementary(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let now = self.now();
        let mut stream = pad.imp().stream();
        if self.is_outside(pad, &mut stream, &buffer) {
            return Ok(FlowSuccess::Ok);
        }
        let mut times = stream.times(&buffer, now.unwrap_or(0));
        let payload = self.payload(buffer)?;
        let Some(format) = &stream.format else {
            return Err(FlowError::NotNegotiated);
        };
        let keyframe = format.is_keyframe(&payload);
        let config = match format {
            Format::ByteStream { hints } if keyframe => hints.config(&payload),
            Format::ByteStream { .. } => None,
            format if matches!(stream.content, Content::Nothing) => format.config(),
            _ => None,
        };
        let is_video = !matches!(format, Format::Audio(_));
        if let Some(config) = config {
            drop(stream);
            let options = pad.imp().options();
            stream = pad.imp().stream();
            stream
                .configure(options, config, Instant::now())
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
        times.is_video = is_video;
        times.keyframe = keyframe;
        let Some(timing) = self.place(&mut stream.place, &times, now) else {
            self.early(pad, stream);
            return Ok(FlowSuccess::Ok);
        };
        let due = i128::from(timing.due.nseconds());
        stream.extend(due + times.pts - times.dts + times.duration.unwrap_or(0));
        drop(stream);
        if self.wait(pad, timing.due)? == Punctual::No {
            self.skip(pad);
            return Ok(FlowSuccess::Ok);
        }

        let now = Instant::now();
        let mut stream = pad.imp().stream();
        let annex_b = matches!(stream.format, Some(Format::ByteStream { .. }));
        let Stream {
            content, key_units, ..
        } = &mut *stream;
        let Content::Track(track) = content else {
            let wanted = key_units.is_wanted_first(now);
            drop(stream);
            gst::debug!(CAT, obj = pad, "dropped: no keyframe yet");
            if wanted {
                self.ask_for_keyframe(pad);
            }
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
        let written = track.writer.write(sample, now);
        let wanted = key_units.is_wanted(&track.writer, now);
        drop(stream);
        if wanted {
            self.ask_for_keyframe(pad);
        }
        match written {
            Ok(true) => {}
            Ok(false) => gst::debug!(CAT, obj = pad, "dropped: no keyframe yet"),
            Err(error) => return Err(self.fail(&error)),
        }
        Ok(FlowSuccess::Ok)
    }
}
