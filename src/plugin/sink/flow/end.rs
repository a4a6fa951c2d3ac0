//! The end of pads, and of the broadcast.

use std::time::Instant;

use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::{
    super::{
        MoqSinkPad,
        imp::{CAT, MoqSink},
        pace::Done,
        stream::Content,
    },
    fragments::Release,
};
use crate::{plugin::runtime, publish::Publisher};

impl MoqSink {
    /// EOS on a pad.
    pub(in super::super) fn end(
        &self,
        pad: &MoqSinkPad,
        seqnum: gst::Seqnum,
    ) -> Result<FlowSuccess, FlowError> {
        let imp = pad.imp();
        self.pace.wait_playing(imp.id())?;
        self.release(pad, Release::All)?;
        let end = imp.stream().end();
        if let Some(end) = end {
            self.wait(pad, end)?;
        }
        let mut stream = imp.stream();
        let truncated = match &stream.content {
            // Of what could not be read nobody expects the end.
            Content::Movie(movie) if imp.trouble().check().is_ok() => movie.finish().err(),
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
    pub(in super::super) fn finish(
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
    pub(in super::super) fn drain(
        &self,
        waiting: u32,
        publisher: Publisher,
    ) -> Result<(), FlowError> {
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
}
