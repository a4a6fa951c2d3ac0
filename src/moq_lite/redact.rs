//! What of a URI is fit for logs.

/// The URI without its query and fragment: there may be a token in them.
pub(crate) fn without_query(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or_default()
}
