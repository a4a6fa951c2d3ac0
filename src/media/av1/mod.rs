//! AV1: open bitstream units, sequence headers, codec strings.

mod obu;
mod profile;
mod sequence;

pub use obu::{is_keyframe, sequence_header, without_delimiter};
pub use profile::{Chroma, Colour, Profile};
pub use sequence::Sequence;
