//! The GStreamer elements: the only folder that names GStreamer.
//!
//! | module | holds |
//! |---|---|
//! | `sink`, `source` | the elements `moqsink` and `moqsrc` |
//! | `settings` | the properties that both elements have, and what they mean together |
//! | `link` | the sessions of one element: tasks on the runtime, a status cell, a queue of events |
//! | `control` | the thread of one element that tells the application what the link reports |
//! | `listening` | the signals of an element that serves peers |
//! | `runtime` | the tokio runtime of the process |
//! | `logging` | debug categories, and the transport's log among them |
//! | `words` | how the application is spoken to |

mod control;
mod link;
mod listening;
mod logging;
mod runtime;
mod settings;
mod sink;
mod source;
mod words;

use gst::glib;

/// Registers the elements.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    sink::register(plugin)?;
    source::register(plugin)
}

/// What is spoken over raw QUIC (as ALPN) and WebTransport (as sub-protocol), best first.
const PROTOCOLS: &[&str] = &crate::moq_lite::ALPNS;
