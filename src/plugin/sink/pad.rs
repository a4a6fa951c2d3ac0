//! A request pad: its properties, and the stream that it receives.

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::{Mutex, MutexGuard};
use std::sync::{
    LazyLock,
    atomic::{AtomicU32, Ordering},
};

use super::{container::PadContainer, pace::PadId, stream::Stream};
use crate::publish;

/// The object behind a pad.
#[derive(Default)]
pub(in crate::plugin) struct MoqSinkPad {
    track: Mutex<Option<String>>,
    container: Mutex<PadContainer>,
    id: AtomicU32,
    /// Held for a moment at a time, never while something is waited for.
    stream: Mutex<Stream>,
}

impl MoqSinkPad {
    pub(super) fn id(&self) -> PadId {
        self.id.load(Ordering::Relaxed)
    }

    pub(super) fn set_id(&self, id: PadId) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The name that the user wants the track to have.
    pub(super) fn track(&self) -> Option<String> {
        self.track.lock().clone().filter(|name| !name.is_empty())
    }

    /// How the frames of its tracks are to be laid out.
    pub(super) fn container(&self) -> PadContainer {
        *self.container.lock()
    }

    pub(super) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock()
    }
}

#[glib::object_subclass]
impl ObjectSubclass for MoqSinkPad {
    const NAME: &'static str = "GstMoqSinkPad";
    type Type = super::MoqSinkPad;
    type ParentType = gst::Pad;
}

impl ObjectImpl for MoqSinkPad {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("track")
                    .nick("Track")
                    .blurb(
                        "Name of the track in the broadcast; null names it after its kind (video0, audio0). Not used \
                         for MP4 with several tracks",
                    )
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder_with_default("container", PadContainer::Inherit)
                    .nick("Container")
                    .blurb("How the frames of the tracks are laid out; inherit takes the element's")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Counters of the current stream; never null")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, property: &glib::ParamSpec) {
        match property.name() {
            "track" => {
                *self.track.lock() = value.get().expect("the type was checked by GObject");
            }
            "container" => {
                *self.container.lock() = value.get().expect("the type was checked by GObject");
            }
            _ => unreachable!("GObject passes only properties that are installed"),
        }
    }

    fn property(&self, _id: usize, property: &glib::ParamSpec) -> glib::Value {
        match property.name() {
            "track" => self.track.lock().to_value(),
            "container" => self.container().to_value(),
            "stats" => {
                let stats = self.stream().stats();
                add(gst::Structure::builder("moqsink-pad-stats"), &stats)
                    .build()
                    .to_value()
            }
            _ => unreachable!("GObject passes only properties that are installed"),
        }
    }
}

/// The counters of tracks as fields.
pub(super) fn add(
    structure: gst::structure::Builder,
    stats: &publish::Stats,
) -> gst::structure::Builder {
    structure
        .field("frames", stats.frames)
        .field("bytes", stats.bytes)
        .field("groups", stats.groups)
        .field("dropped", stats.dropped)
}

impl GstObjectImpl for MoqSinkPad {}

impl PadImpl for MoqSinkPad {}
