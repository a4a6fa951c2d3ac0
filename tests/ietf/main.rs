//! moq-transport, draft 14: its messages, and sessions over a transport in memory.

#[path = "../common/mod.rs"]
mod common;

mod hostile;
mod peer;
mod publisher;
mod session;
mod subscriber;
mod time;
mod updates;
mod wire;
