//! The pages that were in `web/dist` when the library was built; without them, a page that says how to get them.

/// Name and content of each file.
pub(super) const BUNDLE: &[(&str, &[u8])] = FILES;

#[cfg(web_bundle)]
include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

#[cfg(not(web_bundle))]
const FILES: &[(&str, &[u8])] = &[
    ("index.html", include_bytes!("missing.html")),
    ("publish.html", include_bytes!("missing.html")),
];
