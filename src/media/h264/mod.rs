//! H.264: configuration record, sequence parameter sets, codec strings, NAL units.

mod avcc;
mod convert;
mod nal;
mod profile;
mod sps;

pub use avcc::Avcc;
pub use nal::{
    Format, IDR, NalUnits, PPS, SPS, has_parameter_sets, is_keyframe, kind, nal_units, validate,
};
pub use profile::Profile;
pub use sps::Sps;
