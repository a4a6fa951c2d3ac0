//! moq-lite: messages of every version, and the behaviour of a session.
//!
//! | version | how it is agreed |
//! |---|---|
//! | 01, 02 | protocol `moql` or none, then SETUP on the first bidirectional stream |

mod announce;
mod group;
mod info;
mod message;
mod parameters;
pub(crate) mod session;
mod setup;
mod stream;
mod subscribe;
mod version;

pub use announce::*;
pub use group::*;
pub use info::*;
pub use message::*;
pub use parameters::*;
pub use setup::*;
pub use stream::*;
pub use subscribe::*;
pub use version::*;
