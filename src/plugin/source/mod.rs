//! `moqsrc`: plays a broadcast.

use gst::glib;

/// Registers the element.
pub(super) fn register(_plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    Ok(())
}
