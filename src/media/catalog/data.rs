//! The binary section of the catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Common, lenient};

/// The binary section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Binary {
    /// Configuration by track name.
    #[serde(deserialize_with = "lenient::renditions")]
    pub tracks: BTreeMap<String, DataConfig>,
}

/// A track of data. A frame is one payload, with nothing before or behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataConfig {
    /// What a group holds. A mode that is not listed drops its track.
    pub mode: Mode,
    /// How payloads are compressed; `None` where they are not. `deflate` is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// The media type of a payload.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub mime: Option<String>,
    /// What it says as tracks of other kinds do.
    #[serde(flatten)]
    pub common: Common,
}

/// What the groups of a data track hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Each group is one payload, and says what the state is from then on: a reader that comes
    /// late needs the newest only.
    Snapshot,
    /// One group without end, a payload per frame, of which none may be missed.
    Stream,
}

impl DataConfig {
    /// A track of plain payloads.
    pub fn new(mode: Mode, mime: Option<String>) -> Self {
        Self {
            mode,
            compression: None,
            mime,
            common: Common::default(),
        }
    }
}
