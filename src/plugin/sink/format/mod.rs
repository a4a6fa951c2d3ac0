//! Caps into what the catalog says, and what is to be done with the buffers.

mod audio;
mod data;
mod kind;
mod template;
mod text;
mod video;

pub(super) use kind::Format;
pub(super) use template::caps;
