//! Whole pipelines in one process: moqsink serves, moqsrc plays.
#![cfg(feature = "plugin")]

mod codecs;
mod errors;
mod file;
mod fragments;
mod media;
mod players;
mod support;
mod viewers;
