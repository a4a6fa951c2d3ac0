//! IETF moq-transport: messages of every draft, and the behaviour of a session.
//!
//! | draft | how it is agreed |
//! |---|---|
//! | 14 | protocol `moq-00` or none, then SETUP on the first bidirectional stream |
//!
//! All control messages of a session travel on the stream of SETUP. The table of
//! their numbers is in `control.rs`: a later draft adds rows there, and a message
//! that changed asks for the [`Version`] in its body.
//!
//! Differences from the seed: messages carry the fields that it dropped
//! ([`Subscribe::start_location`], [`SubscribeOk::largest_location`] and the like),
//! [`UnsubscribeNamespace`] names a namespace as the draft says, and what cannot be
//! encoded is an error where the seed panicked.

mod control;
mod datagram;
mod enums;
mod fault;
mod fetch;
mod goaway;
mod group;
mod location;
mod message;
mod namespace;
mod parameters;
mod publish;
mod publish_namespace;
mod request;
pub(crate) mod session;
mod setup;
mod subscribe;
mod subscribe_namespace;
mod timeout;
pub(crate) mod token;
mod track_status;
mod version;

pub(crate) use control::Control;
pub use datagram::{Datagram, DatagramBody};
pub use enums::*;
pub use fetch::*;
pub use goaway::*;
pub use group::*;
use location::optional;
pub use location::*;
pub use message::*;
pub use parameters::*;
pub use publish::*;
pub use publish_namespace::*;
pub use request::*;
pub use setup::*;
pub use subscribe::*;
pub use subscribe_namespace::*;
pub use track_status::*;
pub use version::*;
