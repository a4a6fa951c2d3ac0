//! What the catalog says of every track, whichever kind it is.

use serde::{Deserialize, Serialize};

use super::lenient;

/// The members that tracks of every kind have. One with a value of the wrong type counts as absent; only where the track
/// is has to be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Common {
    /// The highest bit rate, in bit/s.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        serialize_with = "lenient::safe_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub bitrate: Option<u64>,
    /// The longest time that a frame waits before it is sent, in ms; written as at least 1.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        serialize_with = "lenient::at_least_one",
        skip_serializing_if = "Option::is_none"
    )]
    pub jitter: Option<u32>,
    /// How far this rendition trails the earliest one, in ms.
    #[serde(
        deserialize_with = "lenient::optional_integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub delay: Option<u32>,
    /// Relative path of the broadcast that holds the track; `None` for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// The language, as a BCP 47 tag. Beside text it is a member of this project's own, which other readers skip.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub lang: Option<String>,
    /// What a viewer's menu shows.
    #[serde(
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub label: Option<String>,
}
