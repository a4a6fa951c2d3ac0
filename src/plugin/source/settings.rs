//! The properties of the element.

use std::time::Duration;

use gst::{glib, prelude::*};

use super::{latency::Bounds, select::Wish, uri};
use crate::{
    media::Keep,
    plugin::{
        link::Status,
        settings::{self, taken},
    },
};

/// What the user set.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) shared: settings::Settings,
    /// In milliseconds.
    latency: u32,
    /// In milliseconds.
    max_latency: u32,
    pub(super) skip_policy: SkipPolicy,
    pub(super) wait_for_broadcast: bool,
    /// As the user wrote it.
    rendition: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shared: Default::default(),
            latency: LATENCY,
            max_latency: 0,
            skip_policy: SkipPolicy::Live,
            wait_for_broadcast: true,
            rendition: RENDITION.to_owned(),
        }
    }
}

impl Settings {
    /// The specifications of every property of the element.
    pub(super) fn properties() -> Vec<glib::ParamSpec> {
        let mut properties = settings::Settings::properties();
        properties.push(
            glib::ParamSpecUInt::builder("latency")
                .nick("Latency")
                .blurb(
                    "How long after its earliest possible arrival a frame is shown, in milliseconds: what the network \
                     delays by less comes in time. The pipeline is told of it as of the latency of any live source",
                )
                .default_value(LATENCY)
                .maximum(MAX_LATENCY)
                .mutable_playing()
                .build(),
        );
        properties.push(
            glib::ParamSpecUInt::builder("max-latency")
                .nick("Maximum latency")
                .blurb(
                    "Automatic latency: between latency and this many milliseconds it follows the jitter that is \
                     measured and that which the publisher announces, up and down; 0 = latency is fixed",
                )
                .default_value(0)
                .maximum(MAX_LATENCY)
                .mutable_playing()
                .build(),
        );
        properties.push(
            glib::ParamSpecEnum::builder_with_default("skip-policy", SkipPolicy::Live)
                .nick("Skip policy")
                .blurb(
                    "What to do with media that come later than the latency allows: go on with a newer group, so that the \
                     picture stays live, or keep everything, for a recording",
                )
                .mutable_ready()
                .build(),
        );
        properties.push(
            glib::ParamSpecBoolean::builder("wait-for-broadcast")
                .nick("Wait for the broadcast")
                .blurb(
                    "When the broadcast disappears without a proper end, as when its publisher crashes, wait for its \
                     return, on the same pads; otherwise send EOS. After a proper end there is always EOS",
                )
                .default_value(true)
                .mutable_ready()
                .build(),
        );
        properties.push(
            glib::ParamSpecString::builder("rendition")
                .nick("Rendition")
                .blurb(
                    "Which video rendition to play: auto (the best that the network carries), highest, lowest, the \
                     name of a track, or all (each on a pad of its own); and, after commas, limits: max-width=PIXELS, \
                     max-height=PIXELS, max-bitrate=BIT/S. The name of an audio track plays no other audio",
                )
                .default_value(RENDITION)
                .mutable_playing()
                .build(),
        );
        properties
    }

    /// Takes a value.
    pub(super) fn set(&mut self, property: &glib::ParamSpec, value: &glib::Value) {
        match property.name() {
            "latency" => self.latency = taken(value),
            "max-latency" => self.max_latency = taken(value),
            "skip-policy" => self.skip_policy = taken(value),
            "wait-for-broadcast" => self.wait_for_broadcast = taken(value),
            "rendition" => {
                let text = taken::<Option<String>>(value);
                self.rendition = text.unwrap_or_else(|| RENDITION.to_owned());
            }
            _ => drop(self.shared.set(property, value)),
        }
    }

    /// The value of a property other than `stats`.
    pub(super) fn get(&self, property: &glib::ParamSpec, status: &Status) -> glib::Value {
        match property.name() {
            "latency" => self.latency.to_value(),
            "max-latency" => self.max_latency.to_value(),
            "skip-policy" => self.skip_policy.to_value(),
            "wait-for-broadcast" => self.wait_for_broadcast.to_value(),
            "rendition" => self.rendition.to_value(),
            name => match self.shared.get(property, status) {
                Some(value) => value,
                None => unreachable!("{name} is no property of this element"),
            },
        }
    }

    /// What `rendition` asks for, or a sentence about what is wrong with it.
    pub(super) fn wish(&self) -> Result<Wish, String> {
        self.rendition.parse()
    }

    pub(super) fn latency(&self) -> Bounds {
        Bounds {
            least: Duration::from_millis(self.latency.into()),
            most: Duration::from_millis(self.max_latency.into()),
        }
    }

    /// What is played, for applications; without a token.
    pub(super) fn uri(&self) -> Option<String> {
        let broadcast = self.shared.broadcast()?;
        uri::of(self.shared.url()?, broadcast.as_str())
    }
}

/// What becomes of what is late when newer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstMoqSrcSkipPolicy")]
pub(super) enum SkipPolicy {
    #[enum_value(name = "Leave late media out: what is shown is live", nick = "live")]
    Live,
    #[enum_value(
        name = "Keep everything, from the newest keyframe at the start on: for recording",
        nick = "none"
    )]
    None,
}

impl From<SkipPolicy> for Keep {
    fn from(policy: SkipPolicy) -> Self {
        match policy {
            SkipPolicy::Live => Self::Live,
            SkipPolicy::None => Self::Everything,
        }
    }
}

const RENDITION: &str = "auto";
/// In milliseconds.
const LATENCY: u32 = 100;
/// In milliseconds.
const MAX_LATENCY: u32 = 60_000;
