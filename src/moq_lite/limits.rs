//! How much one peer may ask of a session, and what happens when it asks for more.

/// What one peer may have at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests: subscriptions, and whatever else it waits for an answer to. One more is refused.
    pub requests: usize,
    /// Broadcasts that it announces. One more ends the session, or is refused where the version can.
    pub announcements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 4096,
            announcements: 10_000,
        }
    }
}

/// A limit that a peer has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Excess {
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::announcements`].
    Announcements,
}
