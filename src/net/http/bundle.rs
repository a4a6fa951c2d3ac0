//! The pages that were in `web/dist` when the library was built with the feature `pages`; else a page that says how to get
//! them.

/// Name and content of each file.
pub(super) const BUNDLE: &[(&str, &[u8])] = FILES;

#[cfg(web_bundle)]
include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

#[cfg(not(web_bundle))]
const FILES: &[(&str, &[u8])] = &[
    ("index.html", include_bytes!("missing.html")),
    ("publish.html", include_bytes!("missing.html")),
    ("missing.css", include_bytes!("missing.css")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Option<&'static str> {
        let (_, bytes) = BUNDLE.iter().find(|(file, _)| *file == name)?;
        Some(std::str::from_utf8(bytes).expect("it is text"))
    }

    #[test]
    fn what_a_page_asks_for_is_there() {
        for page in ["index.html", "publish.html"] {
            let page = text(page).expect("it is there");
            let asked = page
                .split(['"', '\''])
                .filter_map(|word| word.strip_prefix('/'));
            let files: Vec<_> = asked.filter(|name| name.contains('.')).collect();
            assert!(!files.is_empty(), "{page}");
            for name in files {
                assert!(
                    text(name).is_some() || name == "certificate.sha256",
                    "{name}"
                );
            }
        }
    }

    #[cfg(not(web_bundle))]
    #[test]
    fn without_the_pages_there_is_one_that_says_how_to_get_them() {
        for page in ["index.html", "publish.html"] {
            let page = text(page).expect("it is there");
            for says in ["Node.js", "ci/web", "cargo build", "http-root"] {
                assert!(page.contains(says), "{says}");
            }
        }
        assert_eq!(BUNDLE.len(), 3);
    }
}
