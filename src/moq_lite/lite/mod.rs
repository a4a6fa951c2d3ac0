//! moq-lite: messages of every version, and the behaviour of a session.
//!
//! | version | how it is agreed |
//! |---|---|
//! | 01, 02 | protocol `moql` or none, then SETUP on the first bidirectional stream |
//! | 03, 04 | protocol `moq-lite-03`, `moq-lite-04`; nothing is exchanged |
//! | 05, 06 | protocol `moq-lite-05`, `moq-lite-06`; each side describes itself |

mod announce;
mod code;
mod fetch;
mod field;
mod goaway;
mod group;
mod hops;
mod info;
mod message;
mod parameters;
mod probe;
mod reply;
mod route;
pub(crate) mod session;
mod setup;
mod stream;
mod subscribe;
mod track;
mod version;

pub use announce::*;
pub use fetch::*;
pub use goaway::*;
pub use group::*;
pub use hops::*;
pub use info::*;
pub use message::*;
pub use parameters::*;
pub use probe::*;
pub use reply::*;
pub use route::*;
pub use setup::*;
pub use stream::*;
pub use subscribe::*;
pub use track::*;
pub use version::*;
