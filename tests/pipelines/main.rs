//! Whole pipelines in one process: moqsink serves, moqsrc plays.
#![cfg(feature = "plugin")]

mod access;
mod changes;
mod codecs;
mod containers;
mod errors;
mod file;
mod fragments;
mod leaks;
mod limits;
#[path = "../common/link.rs"]
mod link;
mod loops;
mod media;
mod players;
#[path = "../common/program.rs"]
mod program;
mod renditions;
mod slow;
mod support;
mod tokens;
mod viewers;
#[path = "../common/waiting.rs"]
mod waiting;
