//! What is published and read: origins, broadcasts, tracks, groups, frames.
//!
//! State only: no wire, no transport, no runtime, no tasks. Every handle is
//! cheap to clone and may be used from any thread; clean-up is the `Drop` of
//! the last handle.

mod broadcast;
mod budget;
mod cell;
mod chunks;
mod demand;
mod frame;
mod group;
mod origin;
mod produce;
mod stamp;
mod time;
mod track;
mod waiters;

pub use broadcast::*;
pub use demand::*;
pub use frame::*;
pub use group::*;
pub use origin::*;
pub use produce::*;
pub(crate) use stamp::Stamp;
pub use time::*;
pub use track::*;
