//! What both sides of a moq-lite session do.
//!
//! One task drives a session; every stream is one async function in a set that
//! the task owns. Dropping it ends them all, which resets their streams.

mod announcer;
mod estimate;
mod follower;
mod frames;
mod incoming;
mod publisher;
mod ready;
mod requests;
mod run;
mod serving;
mod streams;
mod subscriber;
mod subscription;

pub(crate) use run::{SETUP_TIMEOUT, Side, Start, client_setup, run};

pub(crate) use super::super::roles::Roles;
use super::super::{life, order};
