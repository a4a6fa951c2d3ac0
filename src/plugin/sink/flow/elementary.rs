//! Buffers of an elementary stream: each is one sample.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    stream::{Content, Timing},
};
use crate::media::container::Kind;

impl MoqSink {
    pub(in super::super) fn chain_elementary(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let wanted = self.container(pad);
        let mut stream = pad.imp().stream();
        let duration = buffer.duration();
        let (dts, pts) = stream.times(&buffer, || self.now());
        let payload = self.payload(buffer)?;
        let Some(format) = &stream.format else {
            return Err(FlowError::NotNegotiated);
        };
        let keyframe = format.is_keyframe(&payload);
        let kind = match &stream.content {
            Content::Track(track) => track.writer.container(),
            _ => wanted,
        };
        let config = match format {
            Format::ByteStream { hints } if keyframe => hints.config(&payload, kind == Kind::Cmaf),
            Format::ByteStream { .. } => None,
            format => format.config(),
        };
        let is_video = !matches!(format, Format::Audio(_));
        if let Some(config) = config {
            let name = pad.imp().track();
            stream
                .configure(name.as_deref(), kind, config, Instant::now())
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
        let payload = match annex_b {
            true => track.byte_stream(payload, keyframe),
            false => payload,
        };
        let sample = timing.sample(duration, keyframe, payload);
        let written = track.writer.write(sample, Instant::now());
        drop(stream);
        match written {
            Ok(true) => {}
            Ok(false) => gst::debug!(CAT, obj = pad, "dropped: no keyframe yet"),
            Err(error) => return Err(self.fail(&error)),
        }
        Ok(FlowSuccess::Ok)
    }
}
