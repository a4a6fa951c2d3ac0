//! What both sides of a moq-transport session do.
//!
//! One task drives a session. It reads the control stream and hands each message
//! to the part that it is for; everything that waits is an async function in a set
//! that the task owns. Dropping it ends them all, which resets their streams.

mod announcer;
mod asked;
mod codes;
mod credit;
mod fetching;
mod groups;
mod namespaces;
mod outbox;
mod overdue;
mod publisher;
mod receive;
mod run;
mod serve;
mod subscriber;
mod subscription;
mod table;

pub(crate) use codes::session as code;
pub(crate) use run::{Start, parameters, run};
