//! Walks over the boxes inside a box.

use mp4_atom::{Atom, FourCC};

use super::Error;

/// A box without its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) kind: FourCC,
    pub(super) body: &'a [u8],
}

impl Child<'_> {
    /// Decodes the box's content; bytes behind what is known are ignored.
    pub(super) fn decode<T: Atom>(&self) -> Result<T, Error> {
        let body = &mut &self.body[..];
        T::decode_body(body).map_err(|error| malformed(self.kind, error.to_string()))
    }
}

pub(super) fn malformed(kind: FourCC, reason: impl Into<String>) -> Error {
    Error::Malformed {
        kind,
        reason: reason.into(),
    }
}

/// The boxes inside the content of a box of type `parent`.
///
/// Up to seven bytes at the end are padding, as QuickTime writes it.
pub(super) fn children(parent: FourCC, body: &[u8]) -> Children<'_> {
    Children { parent, rest: body }
}

pub(super) struct Children<'a> {
    parent: FourCC,
    rest: &'a [u8],
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Child<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.rest.split_first_chunk::<8>()?;
        let [size, kind] =
            [0, 4].map(|at| [header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let kind = FourCC::from(kind);
        let split = match u32::from_be_bytes(size) {
            0 => Some((rest, &[][..])),
            1 => rest.split_first_chunk::<8>().and_then(|(size, rest)| {
                let size = u64::from_be_bytes(*size).checked_sub(16)?;
                rest.split_at_checked(usize::try_from(size).ok()?)
            }),
            size => size
                .checked_sub(8)
                .and_then(|size| rest.split_at_checked(size as usize)),
        };
        let Some((body, rest)) = split else {
            self.rest = &[];
            let reason = format!("the {kind} box inside does not fit");
            return Some(Err(malformed(self.parent, reason)));
        };
        self.rest = rest;
        Some(Ok(Child { kind, body }))
    }
}

/// The first box of type `kind` inside a box.
pub(super) fn find<'a>(
    parent: FourCC,
    body: &'a [u8],
    kind: &[u8; 4],
) -> Result<Option<Child<'a>>, Error> {
    let kind = FourCC::new(kind);
    for child in children(parent, body) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

/// Like [`find`] for a box that must be there.
pub(super) fn require<'a>(
    parent: FourCC,
    body: &'a [u8],
    kind: &[u8; 4],
) -> Result<Child<'a>, Error> {
    find(parent, body, kind)?.ok_or_else(|| {
        malformed(
            parent,
            format!("there is no {} box inside", FourCC::new(kind)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: FourCC = FourCC::new(b"moov");

    fn kinds(body: &[u8]) -> Result<Vec<(String, usize)>, Error> {
        children(PARENT, body)
            .map(|child| child.map(|child| (child.kind.to_string(), child.body.len())))
            .collect()
    }

    #[test]
    fn boxes_of_every_size_form_are_walked() {
        let body = b"\0\0\0\x09free!\0\0\0\x01wide\0\0\0\0\0\0\0\x12??\0\0\0\0lasteverything";
        let expected = [("free".into(), 1), ("wide".into(), 2), ("last".into(), 10)];
        assert_eq!(kinds(body), Ok(expected.to_vec()));
        assert_eq!(
            kinds(b"\0\0\0\x08free\0\0\0\0"),
            Ok(vec![("free".into(), 0)]),
            "padding"
        );
    }

    #[test]
    fn a_box_that_does_not_fit_is_refused() {
        for body in [
            &b"\0\0\0\x09free"[..],
            b"\0\0\0\x07free",
            b"\0\0\0\x01free\0\0",
            b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f",
        ] {
            let reason = "the free box inside does not fit".to_string();
            assert_eq!(
                kinds(body),
                Err(Error::Malformed {
                    kind: PARENT,
                    reason
                })
            );
        }
    }
}
