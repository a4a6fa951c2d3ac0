//! Buffers of an elementary stream: each is one sample.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    format::Format,
    imp::{CAT, MoqSink},
    pace::Punctual,
    stream::{Content, Stream},
    wallclock,
};
use crate::media::{Config, container::Kind, iso::Converter};

impl MoqSink {
    pub(in super::super) fn chain_elementary(
        &self,
        pad: &MoqSinkPad,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let now = self.now();
        let options = self.options(pad);
        let mut stream = pad.imp().stream();
        if self.is_outside(pad, &mut stream, &buffer) {
            return Ok(FlowSuccess::Ok);
        }
        let mut times = stream.times(&buffer, now.unwrap_or(0));
        let duration = buffer.duration().map(Into::into);
        let reference = wallclock::reference(&buffer);
        let payload = self.payload(pad, buffer)?;
        let Some(format) = stream.format.clone() else {
            return Err(FlowError::NotNegotiated);
        };
        let mut unit = match format.read(payload) {
            Ok(Some(unit)) => unit,
            Ok(None) => return Ok(FlowSuccess::Ok),
            Err(sentence) => {
                drop(stream);
                return Err(self.malformed(pad, &sentence));
            }
        };
        let keyframe = unit.keyframe;
        let container = match &stream.content {
            Content::Track(track) => track.writer.container(),
            _ => options.container,
        };
        let converter = match (&format, &mut unit.config) {
            (Format::Video(video), Some(Config::Video(config))) if container == Kind::Cmaf => {
                Converter::new(video.codec, config, &unit.payload)
            }
            _ => None,
        };
        if let Some(config) = unit.config {
            drop(stream);
            stream = pad.imp().stream();
            stream
                .configure(options, config, Instant::now())
                .map_err(|error| self.fail(pad, &error))?;
        }
        if let (Some(converter), Content::Track(track)) = (converter, &mut stream.content) {
            track.converter = Some(converter);
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
        times.is_video = format.is_video();
        times.keyframe = keyframe;
        let Some(timing) = self.place(&mut stream.place, &times, now) else {
            self.early(pad, stream);
            return Ok(FlowSuccess::Ok);
        };
        let due = i128::from(timing.due.nseconds());
        stream.extend(due + times.pts - times.dts + times.duration.unwrap_or(0));
        drop(stream);
        self.note_wall_time(timing, reference);
        if self.wait(pad, timing.due)? == Punctual::No {
            self.skip(pad);
            return Ok(FlowSuccess::Ok);
        }

        let now = Instant::now();
        let mut stream = pad.imp().stream();
        let Stream {
            content, key_units, ..
        } = &mut *stream;
        let Content::Track(track) = content else {
            let (wanted, missed) = (key_units.is_wanted_first(now), key_units.is_missed(now));
            drop(stream);
            gst::debug!(CAT, obj = pad, "dropped: no keyframe yet");
            if missed {
                self.miss_keyframe(pad);
            }
            if wanted {
                self.ask_for_keyframe(pad);
            }
            return Ok(FlowSuccess::Ok);
        };
        let payload = match &format {
            Format::Video(_) if let Some(converter) = &track.converter => {
                converter.convert(&unit.payload)
            }
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
        let sample = timing.sample(times.duration, keyframe, payload);
        let written = track.writer.write(sample, now);
        let wanted = key_units.is_wanted(&track.writer, now);
        let missed = matches!(written, Ok(false)) && key_units.is_missed(now);
        if let Ok(true) = written {
            key_units.found();
        }
        drop(stream);
        if missed {
            self.miss_keyframe(pad);
        }
        if wanted {
            self.ask_for_keyframe(pad);
        }
        match written {
            Ok(true) => {}
            Ok(false) => gst::debug!(CAT, obj = pad, "dropped: no keyframe yet"),
            Err(error) => return Err(self.fail(pad, &error)),
        }
        Ok(FlowSuccess::Ok)
    }

    /// Begins the track if the caps say what it is: viewers may come before the element plays.
    pub(in super::super) fn begin(&self, pad: &MoqSinkPad) -> Result<(), FlowError> {
        let imp = pad.imp();
        let config = {
            let stream = imp.stream();
            let format = stream.format.as_ref();
            let format =
                format.filter(|_| matches!(stream.content, Content::Nothing) && !stream.eos);
            format.and_then(Format::config)
        };
        let Some(config) = config else {
            return Ok(());
        };
        self.resume(pad);
        let options = self.options(pad);
        let begun = imp.stream().configure(options, config, Instant::now());
        begun.map_err(|error| self.fail(pad, &error))
    }

    /// Buffers are not what the caps say.
    fn malformed(&self, pad: &MoqSinkPad, sentence: &str) -> FlowError {
        let message = gst::error_msg!(
            gst::StreamError::Format,
            ("{sentence}"),
            ["on {}", pad.name()]
        );
        self.refuse(pad, FlowError::Error, message)
    }
}
