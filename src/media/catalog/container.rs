//! How the catalog names the layout of frames.

use serde::Serialize;

/// How the frames of a rendition are laid out. A kind that is not listed drops its rendition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Container {
    /// A varint of microseconds, then the payload: [`legacy`](crate::media::legacy).
    #[default]
    Legacy,
    /// One movie fragment per frame.
    Cmaf {
        /// `ftyp` and `moov` in base64.
        init: String,
    },
    /// A property block, then the payload.
    Loc,
}

impl Container {
    pub(super) fn is_legacy(&self) -> bool {
        *self == Self::Legacy
    }
}
