//! CMAF: every frame is one `moof` and one `mdat` of a single track; what a decoder needs to begin
//! with is the catalog's, as `ftyp` and `moov` in base64.

mod entry;
mod fragment;
mod init;
mod reader;

pub(super) use fragment::Writer;
pub(super) use init::init;
pub(super) use reader::Reader;
pub use reader::describe;

/// Units per second of all times of our own fragments: those of the other containers.
const TIMESCALE: u32 = 1_000_000;
/// The id of the only track.
const TRACK: u32 = 1;
