//! Whole pipelines in one process: moqsink serves, moqsrc plays.
#![cfg(feature = "plugin")]

mod access;
mod codecs;
mod containers;
mod errors;
mod file;
mod fragments;
mod limits;
mod media;
mod players;
mod support;
mod tokens;
mod viewers;
