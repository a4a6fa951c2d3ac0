//! Reads JSON members as they are seen in the wild, writes them as every reader wants them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;

use super::{AUDIO_PRIORITY, Container, VIDEO_PRIORITY};

/// The largest integer that a JavaScript reader takes.
pub(super) const MAX_SAFE: u64 = (1 << 53) - 1;
/// The longest description that is read, in bytes.
const MAX_DESCRIPTION: usize = 64 * 1024;

/// How many renditions a section of any shape has.
pub(super) fn count(section: &Value) -> usize {
    match section {
        Value::Array(list) => list.len(),
        section => ["renditions", "tracks"]
            .map(|map| section[map].as_object().map_or(0, |map| map.len()))
            .iter()
            .sum(),
    }
}

/// A section; one that is neither an object nor the list form of early players counts as absent.
pub(super) fn section<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let section = match Value::deserialize(from)? {
        Value::Array(list) => serde_json::json!({ "renditions": from_list(list) }),
        section => section,
    };
    Ok(section
        .is_object()
        .then(|| serde_json::from_value(section).ok())
        .flatten())
}

/// Early players wrote `[{"track": {"name": ..}, "config": {..}}]`.
fn from_list(list: Vec<Value>) -> Value {
    let named = list.into_iter().filter_map(|mut item| {
        let track = &item["track"];
        let name = track
            .as_str()
            .or_else(|| track["name"].as_str())?
            .to_owned();
        Some((name, item.get_mut("config")?.take()))
    });
    Value::Object(named.collect())
}

/// The renditions that can be understood; the others are left out.
pub(super) fn renditions<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let Value::Object(map) = Value::deserialize(from)? else {
        return Ok(BTreeMap::new());
    };
    let understood = map.into_iter().filter_map(|(name, mut config)| {
        // Readers differ on which of the two names wins; the newer one does.
        if let Value::Object(members) = &mut config {
            for side in ["Width", "Height"] {
                if members.contains_key(&format!("displayAspect{side}")) {
                    members.remove(&format!("displayRatio{side}"));
                }
            }
        }
        Some((name, serde_json::from_value(config).ok()?))
    });
    Ok(understood.collect())
}

pub(super) fn video_priority<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    Ok(number(&Value::deserialize(from)?).unwrap_or(VIDEO_PRIORITY))
}

pub(super) fn audio_priority<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    Ok(number(&Value::deserialize(from)?).unwrap_or(AUDIO_PRIORITY))
}

/// A member without which the rest still makes sense: a value of the wrong type counts as absent.
pub(super) fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// A whole number, also when it is written as `30.0`.
pub(super) fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(from)?;
    number(&value)
        .ok_or_else(|| D::Error::custom(format!("{value} is not a whole number in range")))
}

/// Like [`integer`], fractions rounded up; anything else counts as absent.
pub(super) fn optional_integer<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Ok(number(&Value::deserialize(from)?))
}

/// A whole number that every reader holds exactly.
pub(super) fn safe<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(from)?;
    number(&value)
        .filter(|number| *number <= MAX_SAFE)
        .ok_or_else(|| D::Error::custom(format!("{value} is not a whole number in range")))
}

/// Units in a second; not 0.
pub(super) fn timescale<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match integer(from)? {
        0 => Err(D::Error::custom("there is no timescale of 0")),
        timescale => Ok(timescale),
    }
}

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    let whole = match value.as_u64() {
        Some(whole) => whole,
        None => {
            let float = value
                .as_f64()
                .filter(|float| (0.0..=MAX_SAFE as f64).contains(float))?;
            float.ceil() as u64
        }
    };
    T::try_from(whole).ok()
}

/// A number; anything else counts as absent.
pub(super) fn optional_float<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(Value::deserialize(from)?
        .as_f64()
        .filter(|float| float.is_finite()))
}

/// Whether a number is missing or cannot be written in JSON.
pub(super) fn not_finite(value: &Option<f64>) -> bool {
    value.is_none_or(|float| !float.is_finite())
}

/// `30` rather than `30.0`.
pub(super) fn integer_if_whole<S: Serializer>(
    value: &Option<f64>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match *value {
        Some(float) if float.fract() == 0.0 && float.abs() <= MAX_SAFE as f64 => {
            to.serialize_i64(float as i64)
        }
        Some(float) => to.serialize_f64(float),
        None => to.serialize_none(),
    }
}

pub(super) fn safe_integer<S: Serializer>(value: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.serialize_u64(*value.min(&MAX_SAFE)),
        None => to.serialize_none(),
    }
}

pub(super) fn at_least_one<S: Serializer>(value: &Option<u32>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.serialize_u32(*value.max(&1)),
        None => to.serialize_none(),
    }
}

/// The container as today's object, or as the name that players of January 2026 wrote.
impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let kind = value.as_str().or_else(|| value["kind"].as_str());
        match kind {
            None if value.is_null() => Ok(Self::Legacy),
            Some("legacy") => Ok(Self::Legacy),
            Some("loc") => Ok(Self::Loc),
            Some("cmaf") => match value["init"].as_str() {
                Some(init) => Ok(Self::Cmaf {
                    init: init.to_owned(),
                }),
                None => Err(D::Error::custom("a cmaf container needs its init segment")),
            },
            _ => Err(D::Error::custom("unknown container")),
        }
    }
}

/// Bytes as hex digits: either case is read, lower case is written.
pub(super) mod hex {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        value: &Option<Bytes>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(bytes) => to.collect_str(&format_args!("{bytes:x}")),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Bytes>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        if text.len() > 2 * MAX_DESCRIPTION {
            return Err(D::Error::custom("the description is too long"));
        }
        decode(text.as_bytes())
            .map(Some)
            .ok_or_else(|| D::Error::custom("a description is hex digits"))
    }

    fn decode(text: &[u8]) -> Option<Bytes> {
        let (pairs, []) = text.as_chunks::<2>() else {
            return None;
        };
        let digit = |digit: u8| (digit as char).to_digit(16);
        pairs
            .iter()
            .map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8))
            .collect()
    }
}
