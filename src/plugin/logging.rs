//! Debug categories, and the transport's log among them.
//!
//! The layers below log through `tracing`. On the runtime's own threads their events go to the
//! category `moq`, unless the application had a `tracing` subscriber before: then it gets them.

use std::{fmt::Write, sync::LazyLock};

use gst::{DebugCategory, DebugColorFlags, DebugLevel, glib, prelude::*};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, Interest},
};

/// What happens in the transport and in the network.
pub(super) static TRANSPORT: LazyLock<DebugCategory> =
    LazyLock::new(|| DebugCategory::new("moq", DebugColorFlags::empty(), Some("MoQ transport")));

/// Hands the events of this crate to [`TRANSPORT`].
#[derive(Clone, Copy)]
pub(super) struct Bridge;

impl Bridge {
    /// `None` when somebody else already listens to `tracing`.
    pub(super) fn unless_taken() -> Option<Self> {
        (!tracing::dispatcher::has_been_set()).then_some(Self)
    }

    /// Listens on this thread until what is returned is dropped. The process' global subscriber stays the application's
    /// choice.
    pub(super) fn listen(self) -> DefaultGuard {
        tracing::subscriber::set_default(self)
    }
}

impl Subscriber for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) && metadata.is_event() {
            // The threshold may change at any time.
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) && TRANSPORT.above_threshold(level(metadata.level()))
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        TRANSPORT.log(
            None::<&glib::Object>,
            level(metadata.level()),
            glib::GString::from(metadata.file().unwrap_or_default()).as_gstr(),
            metadata.target(),
            metadata.line().unwrap_or_default(),
            format_args!("{}{}", text.message, text.fields),
        );
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}

fn level(level: &Level) -> DebugLevel {
    match *level {
        Level::ERROR => DebugLevel::Error,
        Level::WARN => DebugLevel::Warning,
        Level::INFO => DebugLevel::Info,
        Level::DEBUG => DebugLevel::Debug,
        Level::TRACE => DebugLevel::Trace,
    }
}

/// An event as a line: the message first, then each field.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
