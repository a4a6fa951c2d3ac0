//! What one side does in a session, of either family.

use super::{OriginConsumer, OriginProducer};

/// What is offered to the peer, and where its broadcasts go.
#[derive(Clone, Default)]
pub(crate) struct Roles {
    pub(crate) publish: Option<OriginConsumer>,
    pub(crate) consume: Option<OriginProducer>,
}
