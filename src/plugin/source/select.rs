//! Which renditions are played: what the property `rendition` means, and what the application
//! selected.
//!
//! The video renditions of a broadcast are one picture in several qualities: one of them is played,
//! unless all are asked for. Audio renditions are different sounds, such as languages, unless they
//! bear the same language and label.

use std::{cmp::Reverse, fmt, str::FromStr};

use crate::media::{Config, Kind};

/// What the property `rendition` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pick: Pick,
    limits: Limits,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Pick {
    /// The best that the network carries.
    #[default]
    Auto,
    Highest,
    Lowest,
    /// Each on a pad of its own.
    All,
    Track(String),
}

/// What video may have at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Limits {
    width: Option<u64>,
    height: Option<u64>,
    bitrate: Option<u64>,
}

/// What one pad plays, as indices into the renditions that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// What it may play, the best first.
    pub(super) candidates: Vec<usize>,
    /// Whether to follow the bandwidth among them; else the first is played.
    pub(super) adapts: bool,
}

impl Slot {
    fn fixed(index: usize) -> Self {
        Self {
            candidates: vec![index],
            adapts: false,
        }
    }
}

impl FromStr for Wish {
    type Err = String;

    /// One word and any number of limits, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut wish = Self::default();
        let mut named: Option<&str> = None;
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if let Some((key, value)) = part.split_once('=')
                && let Some(limit) = wish.limits.named(key.trim())
            {
                let number = value.trim().parse().ok().filter(|&number| number > 0);
                let why =
                    || format!("{key} of rendition is {value:?} and has to be a whole number");
                *limit = Some(number.ok_or_else(why)?);
                continue;
            }
            if let Some(named) = named {
                return Err(format!(
                    "rendition names both {named:?} and {part:?}; give one and limits"
                ));
            }
            named = Some(part);
            wish.pick = match part {
                "auto" => Pick::Auto,
                "highest" => Pick::Highest,
                "lowest" => Pick::Lowest,
                "all" => Pick::All,
                track => Pick::Track(track.to_owned()),
            };
        }
        Ok(wish)
    }
}

impl Limits {
    fn named(&mut self, key: &str) -> Option<&mut Option<u64>> {
        Some(match key {
            "max-width" => &mut self.width,
            "max-height" => &mut self.height,
            "max-bitrate" => &mut self.bitrate,
            _ => return None,
        })
    }

    /// What is not known is within every limit.
    fn allow(&self, config: &Config) -> bool {
        let Config::Video(video) = config else {
            return true;
        };
        let within = |value: Option<u64>, limit: Option<u64>| {
            value.zip(limit).is_none_or(|(value, limit)| value <= limit)
        };
        within(video.coded_width.map(u64::from), self.width)
            && within(video.coded_height.map(u64::from), self.height)
            && within(video.common.bitrate, self.bitrate)
    }
}

impl Wish {
    /// The track that is named, if one is.
    pub(super) fn track(&self) -> Option<&str> {
        match &self.pick {
            Pick::Track(name) => Some(name),
            _ => None,
        }
    }

    /// One slot for each pad, in the order of the pads. `renditions` come in the order of
    /// [`order`].
    pub(super) fn slots(&self, renditions: &[(&str, &Config)]) -> Vec<Slot> {
        let of_kind = |wanted: Kind| -> Vec<usize> {
            let kinds = renditions.iter().map(|(_, config)| config.kind());
            let indices = kinds.enumerate().filter(|(_, kind)| *kind == wanted);
            indices.map(|(index, _)| index).collect()
        };
        let mut slots = Vec::new();
        for kind in [Kind::Video, Kind::Audio, Kind::Text, Kind::Data] {
            let indices = of_kind(kind);
            let named = indices
                .iter()
                .find(|&&index| self.track() == Some(renditions[index].0));
            match (named, kind) {
                (Some(&index), _) => slots.push(Slot::fixed(index)),
                (None, _) if self.pick == Pick::All => {
                    slots.extend(indices.into_iter().map(Slot::fixed));
                }
                (None, Kind::Video) => slots.extend(self.picture(renditions, indices)),
                (None, Kind::Audio) => slots.extend(self.sounds(renditions, indices)),
                (None, Kind::Text | Kind::Data) => {
                    slots.extend(indices.into_iter().map(Slot::fixed))
                }
            }
        }
        slots
    }

    fn picture(&self, renditions: &[(&str, &Config)], mut indices: Vec<usize>) -> Option<Slot> {
        let lowest = *indices.last()?;
        indices.retain(|&index| self.limits.allow(renditions[index].1));
        if indices.is_empty() {
            indices.push(lowest);
        }
        if indices
            .iter()
            .any(|&index| !is_stalled(renditions[index].1))
        {
            indices.retain(|&index| !is_stalled(renditions[index].1));
        }
        let first = *indices.first()?;
        Some(match self.pick {
            Pick::Highest => Slot::fixed(first),
            Pick::Lowest => Slot::fixed(*indices.last()?),
            _ => {
                // A decoder that was chosen for one of them takes the others.
                let decoder = decoder(renditions[first].1);
                indices.retain(|&index| self::decoder(renditions[index].1) == decoder);
                Slot {
                    adapts: indices.len() > 1,
                    candidates: indices,
                }
            }
        })
    }

    fn sounds(&self, renditions: &[(&str, &Config)], indices: Vec<usize>) -> Vec<Slot> {
        let mut sounds: Vec<(Option<Sound>, Vec<usize>)> = Vec::new();
        for index in indices {
            let sound = Sound::of(renditions[index].1);
            let same =
                |(other, _): &&mut (Option<Sound>, Vec<usize>)| sound.is_some() && *other == sound;
            match sounds.iter_mut().find(same) {
                Some((_, indices)) => indices.push(index),
                None => sounds.push((sound, vec![index])),
            }
        }
        let slots = sounds
            .into_iter()
            .filter_map(|(_, indices)| match self.pick {
                Pick::Lowest => indices.last().copied(),
                _ => indices.first().copied(),
            });
        slots.map(Slot::fixed).collect()
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pick {
            Pick::Auto => f.write_str("auto")?,
            Pick::Highest => f.write_str("highest")?,
            Pick::Lowest => f.write_str("lowest")?,
            Pick::All => f.write_str("all")?,
            Pick::Track(name) => f.write_str(name)?,
        }
        let limits = [
            ("max-width", self.limits.width),
            ("max-height", self.limits.height),
            ("max-bitrate", self.limits.bitrate),
        ];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                write!(f, ",{name}={limit}")?;
            }
        }
        Ok(())
    }
}

/// What was selected: one slot for each of `tracks` that there is. A kind of which there is none
/// gets none.
pub(super) fn selected(renditions: &[(&str, &Config)], tracks: &[String]) -> Vec<Slot> {
    let names = renditions.iter().map(|(name, _)| *name).enumerate();
    let chosen = names.filter(|(_, name)| tracks.iter().any(|track| track == name));
    chosen.map(|(index, _)| Slot::fixed(index)).collect()
}

/// The order of streams and pads: video first, the best of each kind first, then by name.
pub(super) fn order(name: &str, config: &Config) -> impl Ord + use<> {
    let size = match config {
        Config::Video(video) => video.coded_width.zip(video.coded_height),
        _ => None,
    };
    let pixels = size.map(|(width, height)| u64::from(width) * u64::from(height));
    let (pixels, bitrate) = (Reverse(pixels), Reverse(config.bitrate()));
    (config.kind(), pixels, bitrate, name.to_owned())
}

/// What makes audio renditions the same sound.
#[derive(Debug, PartialEq, Eq)]
struct Sound {
    label: Option<String>,
    language: Option<String>,
}

impl Sound {
    fn of(config: &Config) -> Option<Self> {
        let (label, language) = (config.label(), config.lang());
        (label.is_some() || language.is_some()).then(|| Self {
            label: label.map(str::to_owned),
            language: language.map(str::to_owned),
        })
    }
}

fn is_stalled(config: &Config) -> bool {
    matches!(config, Config::Video(video) if video.stalled == Some(true))
}

/// What a decoder is chosen by.
fn decoder(config: &Config) -> (String, bool) {
    let codec = config.codec();
    let family = match codec.split('.').next().unwrap_or_default() {
        "avc1" | "avc3" => "h264",
        "hvc1" | "hev1" => "h265",
        other => other,
    };
    (family.to_owned(), config.description().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{AudioConfig, VideoConfig, catalog::Common};

    fn video(width: u32, height: u32, bitrate: u64) -> Config {
        Config::Video(VideoConfig {
            codec: "avc3.42c01f".into(),
            coded_width: Some(width),
            coded_height: Some(height),
            common: common(None, bitrate),
            ..Default::default()
        })
    }

    fn audio(label: Option<&str>, bitrate: u64) -> Config {
        Config::Audio(AudioConfig {
            codec: "opus".into(),
            common: common(label, bitrate),
            ..Default::default()
        })
    }

    fn common(label: Option<&str>, bitrate: u64) -> Common {
        Common {
            bitrate: Some(bitrate),
            label: label.map(str::to_owned),
            ..Common::default()
        }
    }

    /// The tracks that each slot may play.
    fn slots(wish: &str) -> Vec<Vec<&'static str>> {
        let mut all = [
            ("deutsch", audio(Some("Deutsch"), 64_000)),
            ("english", audio(Some("English"), 64_000)),
            ("english-hifi", audio(Some("English"), 128_000)),
            ("hd", video(1280, 720, 3_000_000)),
            ("low", video(320, 180, 300_000)),
            ("sd", video(640, 360, 1_000_000)),
        ];
        all.sort_by_cached_key(|(name, config)| order(name, config));
        let all: Vec<_> = all.iter().map(|(name, config)| (*name, config)).collect();
        let slots = wish.parse::<Wish>().expect("it is right").slots(&all);
        let names = |slot: Slot| {
            slot.candidates
                .into_iter()
                .map(|index| all[index].0)
                .collect()
        };
        slots.into_iter().map(names).collect()
    }

    #[test]
    fn one_picture_and_every_sound_is_played() {
        let sounds = [vec!["english-hifi"], vec!["deutsch"]];
        for (wish, picture) in [
            ("", vec!["hd", "sd", "low"]),
            ("auto", vec!["hd", "sd", "low"]),
            ("highest", vec!["hd"]),
            ("sd", vec!["sd"]),
            ("max-height=400", vec!["sd", "low"]),
            ("max-width=640, max-bitrate=500000", vec!["low"]),
            ("highest,max-height=720", vec!["hd"]),
            ("max-height=100", vec!["low"]),
            ("nothing-of-this-name", vec!["hd", "sd", "low"]),
        ] {
            let expected: Vec<_> = [picture].into_iter().chain(sounds.clone()).collect();
            assert_eq!(slots(wish), expected, "{wish}");
        }
        assert_eq!(slots("lowest"), [["low"], ["english"], ["deutsch"]]);
        let all = [
            ["hd"],
            ["sd"],
            ["low"],
            ["english-hifi"],
            ["deutsch"],
            ["english"],
        ];
        assert_eq!(slots("all"), all);
        let english = slots("english");
        assert_eq!(english[1..], [["english"]]);
    }

    #[test]
    fn a_rendition_that_stands_still_or_needs_another_decoder_is_not_adapted_to() {
        let mut still = video(1920, 1080, 1);
        let mut other = video(640, 360, 1);
        if let (Config::Video(still), Config::Video(other)) = (&mut still, &mut other) {
            still.stalled = Some(true);
            other.codec = "vp09.00.10.08".into();
        }
        let usual = video(1280, 720, 1);
        let all = [("still", &still), ("usual", &usual), ("other", &other)];
        let slots = Wish::default().slots(&all);
        assert_eq!(slots, [Slot::fixed(1)]);
        assert_eq!(Wish::default().slots(&all[..1]), [Slot::fixed(0)]);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let error = |text: &str| text.parse::<Wish>().expect_err("it is wrong");
        assert_eq!(
            error("max-height=tall"),
            "max-height of rendition is \"tall\" and has to be a whole number"
        );
        assert_eq!(
            error("highest,lowest"),
            "rendition names both \"highest\" and \"lowest\"; give one and limits"
        );
    }
}
