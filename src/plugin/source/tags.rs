//! What is known of a rendition besides its caps, as tags.

use gst::{TagList, TagMergeMode::Append, tags};

use crate::media::{Config, Kind};

/// Codec, bit rate, language and title.
pub(super) fn of(config: &Config) -> TagList {
    let mut list = TagList::new();
    let tags = list.make_mut();
    let codec = codec(config.codec());
    match config.kind() {
        Kind::Video => tags.add::<tags::VideoCodec>(&codec, Append),
        Kind::Audio => tags.add::<tags::AudioCodec>(&codec, Append),
        Kind::Text => tags.add::<tags::SubtitleCodec>(&codec, Append),
        Kind::Data => {}
    }
    if let Some(bitrate) = config.bitrate().and_then(|rate| u32::try_from(rate).ok()) {
        tags.add::<tags::Bitrate>(&bitrate, Append);
        tags.add::<tags::MaximumBitrate>(&bitrate, Append);
    }
    if let Some(language) = config.lang().filter(|language| !language.is_empty()) {
        tags.add::<tags::LanguageCode>(&language, Append);
    }
    if let Some(label) = config.label().filter(|label| !label.is_empty()) {
        tags.add::<tags::Title>(&label, Append);
    }
    list
}

/// The usual name of the codec that a codec string begins with.
fn codec(string: &str) -> &str {
    match string.split('.').next().unwrap_or_default() {
        "avc1" | "avc3" => "H.264",
        "hvc1" | "hev1" => "H.265",
        "av01" => "AV1",
        "vp8" | "vp08" => "VP8",
        "vp9" | "vp09" => "VP9",
        "mp4a" => "AAC",
        "mp3" => "MP3",
        "opus" => "Opus",
        "flac" => "FLAC",
        "ac-3" => "AC-3",
        "vtt" => "WebVTT",
        _ => string,
    }
}
