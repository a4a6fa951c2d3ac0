//! Media over QUIC for GStreamer: the elements `moqsink` and `moqsrc`, and the transport, media and
//! network layers that they stand on.
//!
//! | module | holds | knows of |
//! |---|---|---|
//! | [`moq_lite`] | the transport: origins, broadcasts, tracks, groups, frames, and the sessions that carry them | nothing beside it |
//! | [`media`] | catalog, containers, codec configuration, fragmented MP4 | the transport's times and primitives |
//! | [`publish`] | samples into groups and frames, and the catalog's upkeep | `media`, the model of `moq_lite` |
//! | [`subscribe`] | a broadcast into samples | `media`, the model of `moq_lite` |
//! | [`access`] | tokens, keys, and what they grant | paths and origins of `moq_lite` |
//! | [`net`] | dialling and listening: QUIC, WebTransport, certificates | sockets; no media |
//! | `plugin` | the elements; only with the feature `plugin` | GStreamer, and all of the above |
//!
//! Two worlds meet in the model alone. GStreamer's threads write to and read from producers and
//! consumers; tasks of the one tokio runtime move bytes between the model and the network and never
//! call into GStreamer. The thread of a pad that waits for a frame drives that runtime meanwhile, so
//! that what arrives need not wake another thread; it calls into GStreamer only when it has left.

pub mod access;
pub mod media;
pub mod moq_lite;
pub mod net;
pub mod publish;
pub mod subscribe;

#[cfg(feature = "plugin")]
mod plugin;

#[cfg(feature = "plugin")]
use gst::glib;

#[cfg(feature = "plugin")]
fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    plugin::register(plugin)
}

#[cfg(feature = "plugin")]
gst::plugin_define!(
    moq,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_REPOSITORY"),
    env!("BUILD_REL_DATE")
);
