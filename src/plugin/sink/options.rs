//! The properties of the element that only a sink has.

use std::time::Duration;

use gst::{glib, prelude::*};

use super::{container::Container, wallclock::WallClock};
use crate::plugin::settings::{Settings, taken};

/// What the user set.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) shared: Settings,
    pub(super) container: Container,
    pub(super) sync: bool,
    max_lateness: i64,
    render_delay: u64,
    ts_offset: i64,
    drain_timeout: u32,
    pub(super) wall_clock: WallClock,
    bitrate_adaptation: bool,
    min_bitrate: u32,
    max_bitrate: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shared: Settings::default(),
            container: Container::default(),
            sync: true,
            max_lateness: -1,
            render_delay: 0,
            ts_offset: 0,
            drain_timeout: 2000,
            wall_clock: WallClock::None,
            bitrate_adaptation: false,
            min_bitrate: 100_000,
            max_bitrate: 8_000_000,
        }
    }
}

impl Options {
    /// The specifications of every property of the element.
    pub(super) fn properties() -> Vec<glib::ParamSpec> {
        let default = Self::default();
        let mut properties = Settings::properties();
        properties.extend([
            glib::ParamSpecEnum::builder_with_default("container", default.container)
                .nick("Container")
                .blurb("In what the frames of all tracks are wrapped, unless a pad says otherwise; text and data are never in cmaf")
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("sync")
                .nick("Synchronise")
                .blurb("Send each sample when the clock reaches its running time, so that a file plays in real time; false sends at once")
                .default_value(default.sync)
                .mutable_playing()
                .build(),
            glib::ParamSpecInt64::builder("max-lateness")
                .nick("Maximum lateness")
                .blurb(
                    "With sync: drop samples that are this many nanoseconds late, and the pictures that depend on \
                     them; -1 = never",
                )
                .minimum(-1)
                .default_value(default.max_lateness)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("render-delay")
                .nick("Render delay")
                .blurb(
                    "With sync: send samples this many nanoseconds earlier, and add as much to the latency of the \
                     pipeline",
                )
                .default_value(default.render_delay)
                .maximum(i64::MAX as u64)
                .mutable_playing()
                .build(),
            glib::ParamSpecInt64::builder("ts-offset")
                .nick("Timestamp offset")
                .blurb("With sync: send samples this many nanoseconds later, or earlier when negative")
                .default_value(default.ts_offset)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("drain-timeout")
                .nick("Drain timeout")
                .blurb("How many milliseconds EOS waits, at most, until viewers have the last group")
                .default_value(default.drain_timeout)
                .mutable_playing()
                .build(),
            glib::ParamSpecEnum::builder_with_default("wall-clock", default.wall_clock)
                .nick("Wall clock")
                .blurb(
                    "Whether, and from where, the catalog says what time of day the timestamps are, by which viewers \
                     measure the latency from end to end",
                )
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("bitrate-adaptation")
                .nick("Bit rate adaptation")
                .blurb(
                    "Set the bit rate of the encoders of pictures upstream to what the network carries, between \
                     min-bitrate and max-bitrate; see the signal encoder-setup",
                )
                .default_value(default.bitrate_adaptation)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("min-bitrate")
                .nick("Minimum bit rate")
                .blurb("With bitrate-adaptation: an encoder is set to no fewer bits per second")
                .minimum(1000)
                .default_value(default.min_bitrate)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("max-bitrate")
                .nick("Maximum bit rate")
                .blurb("With bitrate-adaptation: an encoder is set to no more bits per second")
                .minimum(1000)
                .default_value(default.max_bitrate)
                .mutable_playing()
                .build(),
        ]);
        properties
    }

    /// Takes a value.
    pub(super) fn set(&mut self, property: &glib::ParamSpec, value: &glib::Value) {
        match property.name() {
            "container" => self.container = taken(value),
            "sync" => self.sync = taken(value),
            "max-lateness" => self.max_lateness = taken(value),
            "render-delay" => self.render_delay = taken(value),
            "ts-offset" => self.ts_offset = taken(value),
            "drain-timeout" => self.drain_timeout = taken(value),
            "wall-clock" => self.wall_clock = taken(value),
            "bitrate-adaptation" => self.bitrate_adaptation = taken(value),
            "min-bitrate" => self.min_bitrate = taken(value),
            "max-bitrate" => self.max_bitrate = taken(value),
            _ if self.shared.set(property, value) => {}
            _ => unreachable!("GObject passes only properties that are installed"),
        }
    }

    /// The value of a property, if it is only a sink's.
    pub(super) fn get(&self, property: &glib::ParamSpec) -> Option<glib::Value> {
        Some(match property.name() {
            "container" => self.container.to_value(),
            "sync" => self.sync.to_value(),
            "max-lateness" => self.max_lateness.to_value(),
            "render-delay" => self.render_delay.to_value(),
            "ts-offset" => self.ts_offset.to_value(),
            "drain-timeout" => self.drain_timeout.to_value(),
            "wall-clock" => self.wall_clock.to_value(),
            "bitrate-adaptation" => self.bitrate_adaptation.to_value(),
            "min-bitrate" => self.min_bitrate.to_value(),
            "max-bitrate" => self.max_bitrate.to_value(),
            _ => return None,
        })
    }

    /// How late a sample may be, in nanoseconds; `None` without sync, when no sample is late.
    pub(super) fn max_lateness(&self) -> Option<gst::ClockTimeDiff> {
        let most = match self.max_lateness {
            -1 => gst::ClockTimeDiff::MAX,
            most => most,
        };
        self.sync.then_some(most)
    }

    /// How much later than its running time a sample is sent, in nanoseconds.
    pub(super) fn offset(&self) -> i64 {
        let delay = i64::try_from(self.render_delay).unwrap_or(i64::MAX);
        self.ts_offset.saturating_sub(delay)
    }

    /// What the sink adds to the latency of a live pipeline.
    pub(super) fn render_delay(&self) -> gst::ClockTime {
        gst::ClockTime::from_nseconds(self.render_delay)
    }

    /// Between which rates encoders are steered, in bit/s; `None` when they are not.
    pub(super) fn bitrate_limits(&self) -> Option<(u64, u64)> {
        let limits = (self.min_bitrate.min(self.max_bitrate), self.max_bitrate);
        let limits = (limits.0.into(), limits.1.into());
        self.bitrate_adaptation.then_some(limits)
    }

    /// How long EOS waits for viewers.
    pub(super) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout.into())
    }
}
