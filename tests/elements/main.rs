//! The elements by themselves: properties, states, events, times.
#![cfg(feature = "plugin")]

mod formats;
mod sink;
mod support;
mod time;
