//! The hang catalog: a JSON document that names every track of a broadcast.
//!
//! What is written here is read by the hang 0.11 line (January 2026) and by today's players alike:
//! sections carry a `priority`, the legacy container is left out, numbers are integers where the
//! schema wants integers, and absent is written as absent, never as null. What is read is anything
//! seen in the wild: a rendition that makes no sense is left out and the others stay.

mod audio;
mod clock;
mod common;
mod config;
mod container;
mod data;
mod document;
mod lenient;
mod section;
mod text;
mod video;

pub use audio::{Audio, AudioConfig};
pub use clock::{Clock, EPOCH};
pub use common::Common;
pub use config::{Config, Kind};
pub use container::Container;
pub use data::{Binary, DataConfig, Mode};
pub use document::Catalog;
pub use text::{SUBTITLE, Text, TextConfig, VTT};
pub use video::{Display, Video, VideoConfig};

/// The name of the track that carries the catalog.
pub const TRACK: &str = "catalog.json";
/// Transport priority of the catalog track.
pub const PRIORITY: u8 = 100;
/// Transport priority of text tracks: cues are small, and who needs them needs them in time.
pub const TEXT_PRIORITY: u8 = 90;
/// Transport priority of audio tracks, and the `priority` of the audio section.
pub const AUDIO_PRIORITY: u8 = 80;
/// Transport priority of data tracks.
pub const DATA_PRIORITY: u8 = 70;
/// Transport priority of video tracks, and the `priority` of the video section.
pub const VIDEO_PRIORITY: u8 = 60;
/// The largest catalog that is read, in bytes.
pub const MAX_SIZE: usize = 1 << 20;
/// The most tracks that a catalog may name, of all kinds together.
pub const MAX_RENDITIONS: usize = 64;

#[cfg(test)]
mod tests;
