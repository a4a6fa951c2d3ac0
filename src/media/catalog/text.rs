//! The text section of the catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Common, Container, lenient};

/// The format of WebVTT: the payload of each frame is a document of its own, whose cues carry
/// absolute times on the broadcast's timeline.
pub const VTT: &str = "vtt";
/// The role of a transcription or translation of what is spoken.
pub const SUBTITLE: &str = "subtitle";

/// The text section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Text {
    /// Configuration by track name.
    #[serde(deserialize_with = "lenient::renditions")]
    pub renditions: BTreeMap<String, TextConfig>,
}

/// A text rendition. A frame's time is when its first cue begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextConfig {
    /// What the payload is: [`VTT`]; `utf8` and `ttml` are also seen.
    pub format: String,
    /// What the text is for: [`SUBTITLE`], which readers assume, or `caption`.
    #[serde(
        default,
        deserialize_with = "lenient::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub role: Option<String>,
    /// What it says as tracks of other kinds do.
    #[serde(flatten)]
    pub common: Common,
    /// How frames are laid out.
    #[serde(default, skip_serializing_if = "Container::is_legacy")]
    pub container: Container,
}
