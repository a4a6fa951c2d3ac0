//! Where a catalog points when it says that a track lies in another broadcast.

use crate::moq_lite::{AsPath, PathOwned};

/// The path that `reference` means in the catalog of the broadcast `base`; `None` where it leads out of the root.
///
/// As in a relative URL the last segment of `base` is replaced: in `room/cam`, `hd` and `./hd` are `room/hd`, and `../hd`
/// is `hd`. The empty reference is `base` itself, and so is one that leaves no segment: nothing but the catalog's own
/// broadcast can be meant.
pub fn resolve(base: impl AsPath, reference: &str) -> Option<PathOwned> {
    let base = base.as_path();
    if reference.is_empty() {
        return Some(base.to_owned());
    }
    let mut segments: Vec<_> = base.as_str().split('/').collect();
    segments.pop();
    for segment in reference.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            name => segments.push(name),
        }
    }
    match segments.is_empty() {
        true => Some(base.to_owned()),
        false => Some(segments.join("/").as_path().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_replaces_the_last_segment_and_stays_below_the_root() {
        for (base, reference, expected) in [
            ("a/b/c", "./source", Some("a/b/source")),
            ("a/b/c", "source/", Some("a/b/source")),
            ("a/b/c", "../source", Some("a/source")),
            ("a/b/c", "../../x//y", Some("x/y")),
            ("a/b", "b/deep", Some("a/b/deep")),
            ("a/b", ".", Some("a")),
            ("cam", "hd", Some("hd")),
            ("cam", "", Some("cam")),
            ("cam", ".", Some("cam")),
            ("a/b", "..", Some("a/b")),
            ("cam", "../hd", None),
            ("a/b", "../../../c", None),
        ] {
            let found = resolve(base, reference);
            let found = found.as_ref().map(|path| path.as_str());
            assert_eq!(found, expected, "{reference} in {base}");
        }
    }
}
