//! H.265: configuration record, sequence parameter sets, codec strings, NAL units.

mod hvcc;
mod nal;
mod profile;
mod record;
mod sps;

pub use super::nal::{Format, NalUnits, nal_units};
pub use hvcc::Hvcc;
pub use nal::{PPS, SPS, VPS, has_parameter_sets, is_keyframe, is_slice, kind};
pub use profile::Profile;
pub use sps::Sps;
