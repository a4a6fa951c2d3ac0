//! From a broadcast to samples: the catalog, and each rendition in decode order.
//!
//! Groups may come in any order. [`SampleReader`] puts them in order within a budget of time and
//! then goes on with what is there, so that a lost group costs no more than that budget. Timers are
//! tokio's: call from within a runtime's context.

mod catalog;
mod error;
mod reader;
mod reference;

pub use catalog::CatalogReader;
pub use error::Error;
pub use reader::{Sample, SampleReader};
pub use reference::resolve;

#[cfg(test)]
mod tests;
