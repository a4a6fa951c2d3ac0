//! Why a pad takes nothing more, and that the application is told of it once.
//!
//! Whoever feeds the pad may go on pushing, and GStreamer offers caps that were refused again with each buffer.

use gst::{FlowError, subclass::prelude::*};

use super::{MoqSinkPad, imp::MoqSink};

/// What is wrong with the stream of one pad.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// What its buffers get.
    flow: Option<FlowError>,
    /// The caps that were refused; no flush makes them better.
    caps: Option<gst::Caps>,
}

impl Trouble {
    /// Whether a buffer can be taken.
    pub(super) fn check(&self) -> Result<(), FlowError> {
        self.flow.map_or(Ok(()), Err)
    }

    /// Caps come: fails with those that were refused, and forgets what was wrong with others.
    pub(super) fn renew(&mut self, caps: &gst::CapsRef) -> Result<(), FlowError> {
        if self.caps.as_deref() == Some(caps) {
            return self.check();
        }
        *self = Self::default();
        Ok(())
    }

    /// The stream begins again.
    pub(super) fn restart(&mut self) {
        if self.caps.is_none() {
            self.flow = None;
        }
    }
}

impl MoqSink {
    /// Ends the stream of a pad with an error, which the application has not been told before.
    pub(super) fn refuse(
        &self,
        pad: &MoqSinkPad,
        flow: FlowError,
        message: gst::ErrorMessage,
    ) -> FlowError {
        let told = pad.imp().trouble().flow.replace(flow).is_some();
        if !told {
            self.post_error_message(message);
        }
        flow
    }

    /// The same, for caps.
    pub(super) fn refuse_caps(
        &self,
        pad: &MoqSinkPad,
        caps: &gst::CapsRef,
        message: gst::ErrorMessage,
    ) -> FlowError {
        pad.imp().trouble().caps = Some(caps.to_owned());
        self.refuse(pad, FlowError::NotNegotiated, message)
    }
}
