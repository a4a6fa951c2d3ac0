//! How timestamps and codec payload share the frames of a track.
//!
//! | container | one frame is | file |
//! |---|---|---|
//! | `legacy` | a varint of microseconds, then the payload | [`legacy`] |
//! | `loc` | a block of properties, then the payload | [`loc`] |
//! | `cmaf` | `moof` and `mdat` of one or several samples; `ftyp` and `moov` are in the catalog | `cmaf` |
//!
//! A [`Writer`] turns samples into frames, a [`Reader`] frames into samples. Payload is not copied on
//! the way out, and on the way in only where a sample arrived in several chunks.

mod chunks;
mod cmaf;
pub mod legacy;
pub mod loc;
mod reader;
mod sample;
mod writer;

pub use cmaf::describe;
pub use reader::Reader;
pub use sample::Sample;
pub use writer::{Frame, Kind, Writer};
