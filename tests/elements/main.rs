//! The elements by themselves: properties, states, events, times.
#![cfg(feature = "plugin")]

mod catalog;
mod clock;
mod contention;
mod errors;
#[path = "../common/fmp4.rs"]
mod fmp4;
mod formats;
mod fragments;
mod pace;
mod shared;
mod sink;
mod stats;
mod stress;
mod support;
mod time;
#[path = "../common/waiting.rs"]
mod waiting;
mod wallclock;
