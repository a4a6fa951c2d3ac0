//! The files that are served: those of the bundle, or those of a folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::fs::{self, File};

use super::bundle::BUNDLE;
use crate::net::Error;

/// Where files come from.
#[derive(Debug, Clone)]
pub(in crate::net) enum Site {
    /// The pages that are built in.
    Bundle,
    /// A folder, named by its canonical path.
    Folder(PathBuf),
}

/// A file to answer with.
pub(super) struct Found {
    pub(super) content_type: &'static str,
    /// Further headers, each with its end of line.
    pub(super) headers: &'static str,
    pub(super) length: u64,
    pub(super) body: Body,
}

pub(super) enum Body {
    Text(&'static [u8]),
    File(File),
}

impl Site {
    /// The bundle, or `folder`, which must be there.
    pub(in crate::net) fn new(folder: Option<&Path>) -> Result<Self, Error> {
        let Some(folder) = folder else {
            return Ok(Self::Bundle);
        };
        let wrong = |reason: String| Error::File {
            path: folder.to_owned(),
            reason,
        };
        let path = folder
            .canonicalize()
            .map_err(|error| wrong(error.to_string()))?;
        if !path.is_dir() {
            return Err(wrong("it is not a folder".into()));
        }
        Ok(Self::Folder(path))
    }

    /// The file at a path that [`head::parse`](super::head::parse) let through.
    pub(super) async fn find(&self, path: &str) -> Option<Found> {
        for name in names(path) {
            let found = match self {
                Self::Bundle => built_in(&name),
                Self::Folder(folder) => in_folder(folder, &name).await,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// The files that a path may mean: `/` is `index.html`, and a page goes without its ending.
fn names(path: &str) -> Vec<String> {
    let name = path.trim_start_matches('/');
    if name.is_empty() {
        vec!["index.html".into()]
    } else if name.contains('.') {
        vec![name.into()]
    } else {
        vec![name.into(), format!("{name}.html")]
    }
}

fn built_in(name: &str) -> Option<Found> {
    let (_, body) = BUNDLE.iter().find(|(file, _)| *file == name)?;
    Some(Found {
        content_type: content_type(name),
        headers: BUNDLE_HEADERS,
        length: body.len() as u64,
        body: Body::Text(body),
    })
}

async fn in_folder(folder: &Path, name: &str) -> Option<Found> {
    match open(folder, name).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(name, %error, "file not served");
            None
        }
    }
}

async fn open(folder: &Path, name: &str) -> io::Result<Option<Found>> {
    // A link may point out of the folder; what lies outside is not served.
    let path = fs::canonicalize(folder.join(name)).await?;
    if !path.starts_with(folder) || !fs::metadata(&path).await?.is_file() {
        return Ok(None);
    }
    let file = File::open(&path).await?;
    Ok(Some(Found {
        content_type: content_type(name),
        headers: FOLDER_HEADERS,
        length: file.metadata().await?.len(),
        body: Body::File(file),
    }))
}

fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// The pages load nothing from elsewhere, may connect to any relay that their address names, and are isolated, so that sound
/// travels to its thread through shared memory.
const BUNDLE_HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self' blob:; worker-src 'self' blob:; \
     style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' http: https: ws: wss:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'\r\n\
     Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n\
     Permissions-Policy: camera=(self), microphone=(self), display-capture=(self), geolocation=()\r\n\
     Referrer-Policy: no-referrer\r\n";

/// What a user's own page loads is the user's business.
const FOLDER_HEADERS: &str = "Referrer-Policy: no-referrer\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_without_its_ending() {
        assert_eq!(names("/"), ["index.html"]);
        assert_eq!(names("/publish"), ["publish", "publish.html"]);
        assert_eq!(names("/a/b.js"), ["a/b.js"]);
    }

    #[test]
    fn there_is_always_a_page() {
        for path in ["index.html", "publish.html"] {
            let page = built_in(path).expect("it is built in");
            assert_eq!(page.content_type, "text/html; charset=utf-8");
            assert!(page.length > 0);
        }
        assert!(built_in("other.html").is_none());
    }
}
