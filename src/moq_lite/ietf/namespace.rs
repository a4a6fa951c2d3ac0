//! The path of a broadcast as a namespace: a tuple of its segments.
//!
//! A part of a namespace may hold a slash. In a path it is written `\/`, and a
//! backslash that could be taken for such an escape is doubled.

use bytes::{Buf, BufMut};

use super::Version;
use crate::moq_lite::{
    Path, PathOwned,
    coding::{BoundsExceeded, Decode, DecodeError, Encode},
};

/// The most parts of a namespace.
const MAX_PARTS: usize = 32;

pub(super) fn encode<W: BufMut>(
    path: &Path<'_>,
    w: &mut W,
    version: Version,
) -> Result<(), BoundsExceeded> {
    let parts = parts(path.as_str());
    if parts.len() > MAX_PARTS {
        return Err(BoundsExceeded);
    }
    parts.as_slice().encode(w, version)
}

pub(super) fn decode<R: Buf>(r: &mut R, version: Version) -> Result<PathOwned, DecodeError> {
    let count = usize::decode(r, version)?;
    if count > MAX_PARTS {
        return Err(DecodeError::TooMany);
    }
    let mut path = String::new();
    for index in 0..count {
        if index > 0 {
            path.push('/');
        }
        let part = String::decode(r, version)?;
        // A path would lose that slash, and so name another broadcast.
        if part.ends_with('/') {
            return Err(DecodeError::InvalidValue);
        }
        for character in part.chars() {
            if matches!(character, '/' | '\\') {
                path.push('\\');
            }
            path.push(character);
        }
    }
    Ok(Path::from(path))
}

fn parts(path: &str) -> Vec<String> {
    if path.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '/' {
            parts.push(String::new());
            continue;
        }
        let escaped = (character == '\\')
            .then(|| characters.next_if(|next| matches!(next, '/' | '\\')))
            .flatten();
        if let Some(part) = parts.last_mut() {
            part.push(escaped.unwrap_or(character));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_inside_a_part_stays_inside() {
        let wire: &[u8] = b"\x02\x03a/b\x01c";
        let path = decode(&mut &wire[..], Version::Draft14).unwrap();
        assert_eq!(path.as_str(), "a\\/b/c");
        let mut written = Vec::new();
        encode(&path, &mut written, Version::Draft14).unwrap();
        assert_eq!(written, wire);
    }

    #[test]
    fn a_slash_at_the_end_of_a_part_has_no_place_in_a_path() {
        for wire in [&b"\x01\x01/"[..], b"\x02\x02a/\x01b"] {
            let result = decode(&mut &wire[..], Version::Draft14);
            assert!(matches!(result, Err(DecodeError::InvalidValue)));
        }
        let path = decode(&mut &b"\x01\x02/a"[..], Version::Draft14).unwrap();
        assert_eq!(path.as_str(), "\\/a");
    }

    #[test]
    fn backslashes_that_escape_nothing_are_kept() {
        assert_eq!(parts("a\\b/c\\"), ["a\\b", "c\\"]);
        assert_eq!(parts("a\\\\b"), ["a\\b"]);
    }

    #[test]
    fn an_empty_path_has_no_parts() {
        let mut written = Vec::new();
        encode(&Path::empty(), &mut written, Version::Draft14).unwrap();
        assert_eq!(written, [0]);
        let path = decode(&mut &[0u8][..], Version::Draft14).unwrap();
        assert!(path.is_empty());
    }

    #[test]
    fn more_parts_than_the_draft_allows_are_refused() {
        let long = ["x"; 33].join("/");
        let result = encode(&Path::new(&long), &mut Vec::new(), Version::Draft14);
        assert_eq!(result, Err(BoundsExceeded));
        let result = decode(&mut &[33u8][..], Version::Draft14);
        assert!(matches!(result, Err(DecodeError::TooMany)));
    }
}
