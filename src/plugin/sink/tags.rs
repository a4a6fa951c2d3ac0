//! What tags say of a stream, as far as viewers may know it.

use gst::tags;

use crate::publish::{Details, TrackOptions};

/// What the tags of a stream have said so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tags {
    details: Details,
    pub(super) title: Option<String>,
    pub(super) orientation: Option<Orientation>,
}

/// How pictures are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Degrees clockwise.
    pub(super) rotation: u16,
    /// Mirrored left to right, before they are turned.
    pub(super) flip: bool,
}

impl Tags {
    /// Takes more tags; whether they say anything new.
    pub(super) fn merge(&mut self, list: &gst::TagListRef) -> bool {
        let before = self.clone();
        let details = &mut self.details;
        if let Some(language) = text::<tags::LanguageCode>(list) {
            details.language = Some(language);
        }
        if let Some(rate) = bitrate(list)
            && details.bitrate.is_none_or(|known| is_news(known, rate))
        {
            details.bitrate = Some(rate);
        }
        if let Some(title) = text::<tags::Title>(list) {
            self.title = Some(title);
        }
        if let Some(orientation) = text::<tags::ImageOrientation>(list) {
            self.orientation = Orientation::new(&orientation);
        }
        *self != before
    }

    /// The options, and what they leave open as the tags have it.
    pub(super) fn complete(&self, mut options: TrackOptions) -> TrackOptions {
        options.details = options.details.or(&self.details);
        options
    }
}

impl Orientation {
    /// From the value of the tag; `None` for what is not one.
    fn new(text: &str) -> Option<Self> {
        let (flip, turn) = match text.strip_prefix("flip-") {
            Some(turn) => (true, turn),
            None => (false, text),
        };
        let rotation = turn.strip_prefix("rotate-")?.parse().ok()?;
        matches!(rotation, 0 | 90 | 180 | 270).then_some(Self { rotation, flip })
    }
}

fn text<'a, T: gst::Tag<'a, TagType = &'a str>>(list: &'a gst::TagListRef) -> Option<String> {
    let value = list.get::<T>()?;
    let text = value.get().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// In bit/s: the highest that is named.
fn bitrate(list: &gst::TagListRef) -> Option<u64> {
    let maximum = list.get::<tags::MaximumBitrate>().map(|tag| tag.get());
    let nominal = list.get::<tags::NominalBitrate>().map(|tag| tag.get());
    let plain = list.get::<tags::Bitrate>().map(|tag| tag.get());
    let rate = maximum.max(nominal).or(plain)?;
    // Encoders without a limit say so with the largest number, or with none.
    (rate > 0 && rate < u32::MAX).then_some(rate.into())
}

/// Parsers tell the mean anew every few seconds; players begin anew with each catalog.
fn is_news(known: u64, rate: u64) -> bool {
    rate > known + known / 4 || rate < known / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(maximum: Option<u32>, plain: Option<u32>) -> gst::TagList {
        gst::init().expect("GStreamer can be started");
        let mut list = gst::TagList::new();
        let tags = list.make_mut();
        if let Some(rate) = maximum {
            tags.add::<tags::MaximumBitrate>(&rate, gst::TagMergeMode::Append);
        }
        if let Some(rate) = plain {
            tags.add::<tags::Bitrate>(&rate, gst::TagMergeMode::Append);
        }
        list
    }

    #[test]
    fn the_rate_of_a_parser_that_measures_changes_nothing() {
        let mut tags = Tags::default();
        assert!(tags.merge(&rates(None, Some(100_000))));
        assert!(!tags.merge(&rates(None, Some(110_000))));
        assert!(tags.merge(&rates(Some(300_000), Some(120_000))));
        assert_eq!(tags.details.bitrate, Some(300_000));
        assert!(!tags.merge(&rates(Some(u32::MAX), None)));
    }

    #[test]
    fn what_the_user_says_counts_before_tags() {
        let mut tags = Tags::default();
        tags.details.language = Some("de".into());
        let mut options = TrackOptions::default();
        let language = |options: &TrackOptions| options.details.language.clone();
        let completed = tags.complete(options.clone());
        assert_eq!(language(&completed).as_deref(), Some("de"));
        options.details.language = Some("fr".into());
        let completed = tags.complete(options);
        assert_eq!(language(&completed).as_deref(), Some("fr"));
    }

    #[test]
    fn orientations_are_turns_and_mirrors() {
        let orientation = |rotation, flip| Some(Orientation { rotation, flip });
        assert_eq!(Orientation::new("rotate-90"), orientation(90, false));
        assert_eq!(Orientation::new("flip-rotate-180"), orientation(180, true));
        assert_eq!(Orientation::new("rotate-45"), None);
        assert_eq!(Orientation::new("sideways"), None);
    }
}
