//! The little HTTP/1 there is: the fingerprint of a certificate, asked for and served, and the pages for browsers.
//!
//! | file | holds |
//! |---|---|
//! | `fetch` | asking for a fingerprint |
//! | `head` | what a request asks for, or how it is refused |
//! | `serve` | the answer, in the clear or over TLS on the same port |
//! | `site` | the files: those of the bundle, or those of a folder |
//! | `bundle` | the pages that were there when the library was built |

mod bundle;
mod fetch;
mod head;
mod serve;
mod site;

pub(super) use fetch::fetch;
pub(super) use serve::{Service, serve};
pub(super) use site::Site;

/// Where the fingerprint is found.
const PATH: &str = "/certificate.sha256";
