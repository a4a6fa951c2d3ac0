//! Paths of broadcasts: segments joined by `/`, always relative to a root.

use std::{borrow::Cow, fmt};

use bytes::{Buf, BufMut};

use super::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// A [`Path`] that owns its text.
pub type PathOwned = Path<'static>;

/// What can be read as a path without an explicit conversion. Every
/// implementation normalises.
pub trait AsPath {
    /// A normalised view; borrowed when the text is clean already.
    fn as_path(&self) -> Path<'_>;
}

impl AsPath for &str {
    fn as_path(&self) -> Path<'_> {
        Path::new(self)
    }
}

impl AsPath for String {
    fn as_path(&self) -> Path<'_> {
        Path::new(self)
    }
}

impl AsPath for &String {
    fn as_path(&self) -> Path<'_> {
        Path::new(self)
    }
}

impl AsPath for Path<'_> {
    fn as_path(&self) -> Path<'_> {
        self.borrow()
    }
}

impl AsPath for &Path<'_> {
    fn as_path(&self) -> Path<'_> {
        self.borrow()
    }
}

/// A path in its normal form: no slash at either end and none doubled.
///
/// Prefixes match whole segments: `foo` is a prefix of `foo/bar` and not of
/// `foobar`; the empty path is a prefix of everything. `.` and `..` mean
/// nothing special, case counts, nothing is percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Path<'a>(Cow<'a, str>);

impl<'a> Path<'a> {
    /// Normalises `s`; allocates only when there is something to change.
    pub fn new(s: &'a str) -> Self {
        let s = s.trim_matches('/');
        if s.contains("//") {
            let parts: Vec<_> = s.split('/').filter(|part| !part.is_empty()).collect();
            Self(Cow::Owned(parts.join("/")))
        } else {
            Self(Cow::Borrowed(s))
        }
    }

    /// Whether `prefix` is this path or one of its parents.
    pub fn has_prefix(&self, prefix: impl AsPath) -> bool {
        self.after(&prefix.as_path().0).is_some()
    }

    /// What follows `prefix`, or `None` when it is no prefix of this path.
    pub fn strip_prefix(&'a self, prefix: impl AsPath) -> Option<Path<'a>> {
        let prefix = prefix.as_path();
        self.after(&prefix.0).map(|rest| Self(Cow::Borrowed(rest)))
    }

    /// The first segment and the rest; `None` for the empty path.
    pub fn next_part(&'a self) -> Option<(&'a str, Path<'a>)> {
        if self.is_empty() {
            return None;
        }
        let (first, rest) = self.0.split_once('/').unwrap_or((&self.0, ""));
        Some((first, Self(Cow::Borrowed(rest))))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path that is a prefix of every other.
    pub fn empty() -> Path<'static> {
        Path(Cow::Borrowed(""))
    }

    /// Whether this is the empty path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A copy that owns its text.
    #[allow(clippy::should_implement_trait)] // the seed's name; `ToOwned` gives `Path<'a>`
    pub fn to_owned(&self) -> PathOwned {
        Path(Cow::Owned(self.0.clone().into_owned()))
    }

    /// This path, owning its text.
    pub fn into_owned(self) -> PathOwned {
        Path(Cow::Owned(self.0.into_owned()))
    }

    /// A view of this path.
    pub fn borrow(&'a self) -> Path<'a> {
        Self(Cow::Borrowed(&self.0))
    }

    /// `other` below this path; an empty side adds nothing.
    pub fn join(&self, other: impl AsPath) -> PathOwned {
        let other = other.as_path();
        if self.is_empty() {
            other.to_owned()
        } else if other.is_empty() {
            self.to_owned()
        } else {
            Path(Cow::Owned(format!("{self}/{other}")))
        }
    }

    fn after(&self, prefix: &str) -> Option<&str> {
        if prefix.is_empty() {
            return Some(&self.0);
        }
        let rest = self.0.strip_prefix(prefix)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }
}

impl<'a> From<&'a str> for Path<'a> {
    fn from(s: &'a str) -> Self {
        Self::new(s)
    }
}

impl<'a> From<&'a String> for Path<'a> {
    fn from(s: &'a String) -> Self {
        Self::new(s)
    }
}

impl From<String> for Path<'_> {
    fn from(s: String) -> Self {
        let clean = match Path::new(&s) {
            Path(Cow::Borrowed(clean)) if clean.len() == s.len() => None,
            path => Some(path.into_owned()),
        };
        clean.unwrap_or(Path(Cow::Owned(s)))
    }
}

impl AsRef<str> for Path<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<V> Decode<V> for Path<'_> {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        String::decode(buf, version).map(Self::from)
    }
}

impl<V> Encode<V> for Path<'_> {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        self.as_str().encode(w, version)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Path<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_in_normalises() {
        for dirty in ["/a//b/", "a/b", "//a/b//"] {
            assert_eq!(Path::new(dirty).as_str(), "a/b");
            assert_eq!(Path::from(dirty.to_string()).as_str(), "a/b");
            assert_eq!(dirty.to_string().as_path().as_str(), "a/b");
        }
        assert!(Path::new("///").is_empty());
    }

    #[test]
    fn prefixes_match_whole_segments_of_any_script() {
        let path = Path::new("é/x");
        assert!(path.has_prefix("é"));
        assert!(!Path::new("éa/b").has_prefix("é"));
        assert_eq!(Path::new("éaé/b").strip_prefix("éa"), None);
        assert_eq!(path.strip_prefix("é").unwrap().as_str(), "x");
        assert_eq!(path.strip_prefix("é/x").unwrap().as_str(), "");
        assert!(!Path::new("foobar").has_prefix("foo"));
        assert!(path.has_prefix(""));
    }

    #[test]
    fn joining_an_empty_side_adds_nothing() {
        assert_eq!(Path::new("a").join("").as_str(), "a");
        assert_eq!(Path::empty().join("b/c").as_str(), "b/c");
        assert_eq!(Path::new("a").join("b/c").as_str(), "a/b/c");
    }

    #[test]
    fn parts_are_taken_from_the_front() {
        let path = Path::new("a/b");
        let (first, rest) = path.next_part().unwrap();
        assert_eq!((first, rest.as_str()), ("a", "b"));
        assert!(Path::empty().next_part().is_none());
    }
}
