//! Debug categories, and the transport's log among them.
//!
//! The layers below log through `tracing`. Where a thread drives the network their events go to the category `moq`. Whatever
//! subscriber the application made that of the process before it uses an element hears of everything there as anywhere
//! else.

use std::{fmt::Write, sync::LazyLock};

use gst::{DebugCategory, DebugColorFlags, DebugLevel, glib, prelude::*};
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber, dispatcher,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, Interest},
};

/// What happens in the transport and in the network.
pub(super) static TRANSPORT: LazyLock<DebugCategory> =
    LazyLock::new(|| DebugCategory::new("moq", DebugColorFlags::empty(), Some("MoQ transport")));

/// What listens to `tracing` where the network is driven.
///
/// Which subscriber is that of the process is not ours to choose: this one is for one thread at a time, and passes
/// everything on.
pub(super) struct Listener(Dispatch);

impl Listener {
    /// Passes on to whom this thread's events go now.
    pub(super) fn new() -> Self {
        let application = dispatcher::get_default(Dispatch::clone);
        Self(Dispatch::new(Bridge { application }))
    }

    /// Listens on this thread until what is returned is dropped.
    pub(super) fn listen(&self) -> DefaultGuard {
        dispatcher::set_default(&self.0)
    }
}

/// Hands the events of this crate to [`TRANSPORT`], and everything to the application.
struct Bridge {
    application: Dispatch,
}

impl Subscriber for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = self.application.register_callsite(metadata);
        if is_ours(metadata) {
            // The threshold may change at any time.
            Interest::sometimes()
        } else {
            interest
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata) || self.application.enabled(metadata)
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.application.new_span(span)
    }

    fn record(&self, span: &span::Id, values: &span::Record<'_>) {
        self.application.record(span, values);
    }

    fn record_follows_from(&self, span: &span::Id, follows: &span::Id) {
        self.application.record_follows_from(span, follows);
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        if is_wanted(metadata) {
            log(event);
        }
        if self.application.enabled(metadata) {
            self.application.event(event);
        }
    }

    fn enter(&self, span: &span::Id) {
        self.application.enter(span);
    }

    fn exit(&self, span: &span::Id) {
        self.application.exit(span);
    }

    fn clone_span(&self, span: &span::Id) -> span::Id {
        self.application.clone_span(span)
    }

    fn try_close(&self, span: span::Id) -> bool {
        self.application.try_close(span)
    }
}

fn log(event: &Event<'_>) {
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

/// Whether GStreamer's log takes it now.
fn is_wanted(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata) && TRANSPORT.above_threshold(level(metadata.level()))
}

/// Whether it is an event of this crate.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
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
