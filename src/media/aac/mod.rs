//! AAC: its configuration, and the header of frames that carry it themselves.

mod adts;
mod config;

pub use adts::Adts;
pub use config::AudioSpecificConfig;
