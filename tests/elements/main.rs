//! The elements by themselves: properties, states, events, times.
#![cfg(feature = "plugin")]

mod catalog;
mod formats;
mod pace;
mod sink;
mod stress;
mod support;
mod time;
