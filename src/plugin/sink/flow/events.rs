//! Events: what begins, changes, and is skipped.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::{
    super::{
        MoqSinkPad,
        format::Format,
        imp::{CAT, MoqSink},
        stream::Content,
    },
    fragments::Release,
};

impl MoqSink {
    pub(in super::super) fn sink_event(
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
                imp.trouble().restart();
                self.revive();
            }
            EventView::Caps(caps) => return self.set_caps(pad, caps.caps()),
            EventView::Segment(segment) => imp.stream().set_segment(segment.segment()),
            EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                let mut stream = imp.stream();
                if let Some(time) = stream.running_time(Some(start)) {
                    let duration = duration.map_or(0, |time| time.nseconds().into());
                    let due = self.due(&stream.place, time);
                    stream.extend(due + duration);
                    stream.pass(time + duration);
                    drop(stream);
                    let due = u64::try_from(due).unwrap_or(0);
                    self.wait(pad, gst::ClockTime::from_nseconds(due))?;
                }
            }
            EventView::FlushStart(_) => self.pace.set_flushing(imp.id(), true),
            EventView::FlushStop(stop) => {
                imp.stream().flush(stop.resets_time());
                imp.trouble().restart();
                self.revive();
                self.pace.set_flushing(imp.id(), false);
            }
            EventView::Tag(tag) => self.tagged(pad, tag.tag()),
            EventView::Eos(_) => return self.end(pad, event.seqnum()),
            _ => {}
        }
        match gst::Pad::event_default(pad, Some(&*self.obj()), event) {
            true => Ok(FlowSuccess::Ok),
            false => Err(FlowError::Error),
        }
    }

    fn tagged(&self, pad: &MoqSinkPad, tags: &gst::TagListRef) {
        let options = pad.imp().options();
        let mut stream = pad.imp().stream();
        if !stream.tags.merge(tags) {
            return;
        }
        stream.set_options(options, Instant::now());
        let tags = stream.tags.clone();
        drop(stream);
        self.describe(|about| {
            about.title = tags.title.or(about.title.take());
            if let Some(orientation) = tags.orientation {
                about.rotation = Some(orientation.rotation);
                about.flip = Some(orientation.flip);
            }
        });
    }

    pub(in super::super) fn set_caps(
        &self,
        pad: &MoqSinkPad,
        caps: &gst::CapsRef,
    ) -> Result<FlowSuccess, FlowError> {
        pad.imp().trouble().renew(caps)?;
        self.release(pad, Release::All)?;
        let format = match Format::new(caps) {
            Ok(format) => format,
            Err(sentence) => {
                let message = gst::error_msg!(
                    gst::StreamError::Format,
                    ("{sentence}"),
                    ["caps on {}: {caps}", pad.name()]
                );
                return Err(self.refuse_caps(pad, caps, message));
            }
        };
        let config = format.config();
        let options = self.options(pad);
        let mut stream = pad.imp().stream();
        stream.format = Some(format);
        let configured = match (config, &stream.content) {
            // The first sample brings the track; tags may come before it.
            (_, Content::Nothing) | (None, _) => Ok(()),
            (Some(config), _) => stream.configure(options, config, Instant::now()),
        };
        drop(stream);
        match configured {
            Ok(()) => Ok(FlowSuccess::Ok),
            Err(error) => Err(self.fail(pad, &error)),
        }
    }
}
