//! A request pad: its properties, and the stream that it receives.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use gst::{glib, prelude::*, subclass::prelude::*};
use parking_lot::{Mutex, MutexGuard};

use super::{container::PadContainer, pace::PadId, stream::Stream, trouble::Trouble};
use crate::{
    media::container::Kind,
    moq_lite::Track,
    plugin::settings::taken,
    publish::{self, Details, Grouping, Policy, TrackOptions},
};

/// The object behind a pad.
#[derive(Default)]
pub(in crate::plugin) struct MoqSinkPad {
    settings: Mutex<Settings>,
    id: AtomicU32,
    /// Held for a moment at a time, never while something is waited for, and not together with `settings`.
    stream: Mutex<Stream>,
    /// Taken last, for a moment.
    trouble: Mutex<Trouble>,
}

/// What the user set.
#[derive(Clone)]
struct Settings {
    track: Option<String>,
    container: PadContainer,
    priority: i32,
    label: Option<String>,
    language: Option<String>,
    group_duration: i32,
    max_latency: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            track: None,
            container: PadContainer::default(),
            priority: -1,
            label: None,
            language: None,
            group_duration: 0,
            max_latency: LONGEST,
        }
    }
}

impl MoqSinkPad {
    pub(super) fn id(&self) -> PadId {
        self.id.load(Ordering::Relaxed)
    }

    pub(super) fn set_id(&self, id: PadId) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// How the frames of its tracks are to be laid out.
    pub(super) fn container(&self) -> PadContainer {
        self.settings.lock().container
    }

    /// How the user wants tracks of the pad to be published, but for the container, which the element may choose.
    pub(super) fn options(&self) -> TrackOptions {
        let settings = self.settings.lock().clone();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        TrackOptions {
            name: filled(settings.track),
            priority: u8::try_from(settings.priority).ok(),
            container: Kind::default(),
            policy: Policy {
                grouping: match u64::try_from(settings.group_duration) {
                    Ok(0) => Grouping::Single,
                    Ok(millis) => Grouping::Every(Duration::from_millis(millis)),
                    Err(_) => Grouping::WithVideo,
                },
                max_latency: Some(Duration::from_millis(settings.max_latency.into())),
            },
            details: Details {
                label: filled(settings.label),
                language: filled(settings.language),
                ..Details::default()
            },
        }
    }

    pub(super) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock()
    }

    pub(super) fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock()
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
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(properties);
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, property: &glib::ParamSpec) {
        {
            let mut settings = self.settings.lock();
            match property.name() {
                "track" => settings.track = taken(value),
                "container" => settings.container = taken(value),
                "priority" => settings.priority = taken(value),
                "label" => settings.label = taken(value),
                "language" => settings.language = taken(value),
                "group-duration" => settings.group_duration = taken(value),
                "max-latency" => settings.max_latency = taken(value),
                _ => unreachable!("GObject passes only properties that are installed"),
            }
        }
        let options = self.options();
        self.stream().set_options(options, Instant::now());
    }

    fn property(&self, _id: usize, property: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings.lock().clone();
        match property.name() {
            "track" => settings.track.to_value(),
            "container" => settings.container.to_value(),
            "priority" => settings.priority.to_value(),
            "label" => settings.label.to_value(),
            "language" => settings.language.to_value(),
            "group-duration" => settings.group_duration.to_value(),
            "max-latency" => settings.max_latency.to_value(),
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

fn properties() -> Vec<glib::ParamSpec> {
    let default = Settings::default();
    vec![
        glib::ParamSpecString::builder("track")
            .nick("Track")
            .blurb(
                "Name of the track in the broadcast, for the next track that begins; null names it after its kind \
                 (video0, audio0). Not used for MP4 with several tracks",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("container", default.container)
            .nick("Container")
            .blurb("In what the frames are wrapped, for the next track that begins")
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("priority")
            .nick("Priority")
            .blurb(
                "Which tracks go first where the network is slow, higher before lower, for the next track that \
                 begins; -1 = by kind (sound 80, pictures 60)",
            )
            .minimum(-1)
            .maximum(255)
            .default_value(default.priority)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("label")
            .nick("Label")
            .blurb("What the menus of players show for the track")
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("language")
            .nick("Language")
            .blurb("Language of the track as a BCP 47 tag, such as en or pt-BR; null takes it from tags")
            .mutable_playing()
            .build(),
        glib::ParamSpecInt::builder("group-duration")
            .nick("Group duration")
            .blurb(
                "How many milliseconds of sound are one group, which is sent in order and dropped as a whole; 0 = \
                 each packet by itself, -1 = as long as the groups of pictures. Pictures: always from keyframe to \
                 keyframe",
            )
            .minimum(-1)
            .default_value(default.group_duration)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("max-latency")
            .nick("Maximum latency")
            .blurb(
                "For how many milliseconds a group is still sent to viewers, or kept for them, once a newer one has \
                 begun; what is older is dropped",
            )
            .maximum(LONGEST)
            .default_value(default.max_latency)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("Counters of the current run: frames, bytes, groups, dropped; never null")
            .read_only()
            .build(),
    ]
}

/// The longest that groups are kept, in ms.
const LONGEST: u32 = Track::MAX_AGE.as_millis() as u32;

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
