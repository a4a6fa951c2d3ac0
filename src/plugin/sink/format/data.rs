//! Data that is not media.

use crate::media::{DataConfig, catalog::Mode, klv};

/// The configuration of data with caps of this name. Each buffer is a group: viewers that come late
/// begin with the newest.
pub(super) fn config(caps: &str) -> DataConfig {
    let mime = match caps {
        "meta/x-klv" => klv::MIME,
        name => name,
    };
    DataConfig::new(Mode::Snapshot, Some(mime.to_owned()))
}
