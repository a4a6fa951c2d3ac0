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
//! How the model and this protocol meet:
//!
//! - A reader's [`Demand`](super::Demand) is the priority, the range and, where it is shorter than a track
//!   keeps groups by itself, the DELIVERY_TIMEOUT of its SUBSCRIBE and of each SUBSCRIBE_UPDATE.
//! - A subscription brings the newest group from its first object. Groups of the past that are kept
//!   come with a subscription that begins at their number: this side asks so for what a reader
//!   names in [`Demand::start`](super::Demand::start), and answers so. Hence no FETCH is sent. Those of
//!   a peer are answered: with what is kept, or that nothing precedes the subscription.
//! - Rights belong to a session, and its SETUP shows the token; tokens of single requests must
//!   have their form and change nothing. None is kept, so none can be referred to.
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
