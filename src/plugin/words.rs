//! How the application is spoken to.

/// The text with a capital first letter: what the layers below say begins in the middle of a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}
