//! Buffers of an elementary stream: each is one sample.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    stream::{Content, Timing},
};
use crate::publish::Sample;

impl MoqSink {
    pub(in super::super) fn chain_elementary(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let mut stream = pad.imp().stream();
        let (dts, pts) = stream.times(&buffer, || self.now());
        let duration = buffer.duration().map(Into::into);
        let payload = self.payload(buffer)?;
        let Some(format) = stream.format.clone() else {
            return Err(FlowError::NotNegotiated);
        };
        let unit = match format.read(payload) {
            Ok(Some(unit)) => unit,
            Ok(None) => return Ok(FlowSuccess::Ok),
            Err(sentence) => {
                drop(stream);
                return Err(self.malformed(pad, &sentence));
            }
        };
        let keyframe = unit.keyframe;
        if let Some(config) = unit.config {
            let name = pad.imp().track();
            stream
                .configure(name.as_deref(), config, Instant::now())
                .map_err(|error| self.fail(&error))?;
        }
        if let Format::Video(video) = &format
            && keyframe
            && matches!(stream.content, Content::Nothing)
            && !std::mem::replace(&mut stream.warned.parameters, true)
        {
            drop(stream);
            let sentence = video.parameters_missing();
            gst::element_imp_warning!(self, gst::StreamError::Format, ("{sentence}"));
            return Ok(FlowSuccess::Ok);
        }
        let Some(timing) = Timing::new(dts, pts, format.is_video()) else {
            self.early(pad, stream);
            return Ok(FlowSuccess::Ok);
        };
        drop(stream);
        self.wait(pad, timing.due)?;

        let mut stream = pad.imp().stream();
        let Content::Track(track) = &mut stream.content else {
            gst::debug!(CAT, obj = pad, "dropped: no keyframe yet");
            return Ok(FlowSuccess::Ok);
        };
        let payload = match &format {
            Format::Video(video) if keyframe => track.with_parameters(video.codec, unit.payload),
            Format::Text(text) => match text.document(&unit.payload, timing.timestamp, duration) {
                Ok(Some(document)) => document,
                Ok(None) => return Ok(FlowSuccess::Ok),
                Err(sentence) => {
                    drop(stream);
                    return Err(self.malformed(pad, &sentence));
                }
            },
            _ => unit.payload,
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

    /// Buffers are not what the caps say.
    fn malformed(&self, pad: &MoqSinkPad, sentence: &str) -> FlowError {
        gst::element_imp_error!(
            self,
            gst::StreamError::Format,
            ("{sentence}"),
            ["on {}", pad.name()]
        );
        FlowError::Error
    }
}
