//! What is published and read: origins, broadcasts, tracks, groups, frames.
//!
//! State only: no wire, no transport, no runtime, no tasks. Every handle is
//! cheap to clone and may be used from any thread; clean-up is the `Drop` of
//! the last handle.

mod time;

pub use time::*;
