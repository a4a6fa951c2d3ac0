//! The elements by themselves: properties, states, events, times.
#![cfg(feature = "plugin")]

mod sink;
mod support;
mod time;
