//! The transport.
pub mod coding;
mod error;
mod model;
mod path;

pub use error::*;
pub use model::*;
pub use path::*;
