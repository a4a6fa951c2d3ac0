//! Samples into groups and frames of a broadcast, and the upkeep of its catalog.
//!
//! A [`Publisher`] is one broadcast. Each [`Input`] of it (a pad of `moqsink`, for example) names its
//! tracks when it knows them and gets a [`TrackWriter`] for each. The broadcast is announced together
//! with its first catalog: when every input has named its tracks, or [`PATIENCE`] after the first
//! one did, so that viewers see sound and picture at once and a silent input does not hold up the
//! others. Nothing here waits: time comes in with the samples.

mod error;
mod input;
mod measure;
mod options;
mod publisher;
mod track;

pub use crate::media::container::Sample;
pub use error::Error;
pub use input::Input;
pub use options::{Details, Grouping, Policy, TrackOptions};
pub use publisher::{About, PATIENCE, Publisher};
pub use track::{Stats, TrackWriter};

#[cfg(test)]
mod tests;
