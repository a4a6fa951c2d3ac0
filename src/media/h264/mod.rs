//! H.264: configuration record, sequence parameter sets, codec strings, NAL units.

mod avcc;
mod nal;
mod profile;
mod record;
mod sps;

pub use super::nal::{Format, NalUnits, nal_units, validate};
pub use avcc::Avcc;
pub use nal::{IDR, PPS, SPS, has_parameter_sets, is_keyframe, kind};
pub use profile::Profile;
pub use sps::Sps;
