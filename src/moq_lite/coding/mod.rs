//! Bytes to primitives and back; knows no protocol.
//!
//! Everything of the crate `bytes` is re-exported for convenience.
//!
//! Differences from the seed: [`Encode::encode`] returns a `Result`, because a
//! value of 2^62 or more does not fit a variable-length integer.

pub use bytes::*;

mod decode;
mod encode;
mod reader;
mod sizer;
mod stream;
mod varint;
mod version;
mod writer;

pub use decode::*;
pub use encode::*;
pub use reader::*;
pub use sizer::*;
pub use stream::*;
pub use varint::*;
pub use version::*;
pub use writer::*;
