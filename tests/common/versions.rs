//! Every version, and what a client does so that it is the one that is spoken.

use std::io::{self, Write};

use gstmoq::moq_lite::{
    coding::Version,
    ietf,
    lite::{self, Version::*},
};

/// A version that a client may insist on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forced {
    pub(crate) name: &'static str,
    /// The protocol to offer.
    pub(crate) protocol: &'static str,
    /// The version to offer where the protocol stands for several.
    pub(crate) number: Version,
}

/// The newest first.
pub(crate) const EVERY: [Forced; 7] = [
    lite(Draft06),
    lite(Draft05),
    lite(Draft04),
    lite(Draft03),
    lite(Draft02),
    lite(Draft01),
    Forced {
        name: "moq-transport-14",
        protocol: ietf::ALPN,
        number: ietf::Version::Draft14.coding(),
    },
];

const fn lite(version: lite::Version) -> Forced {
    Forced {
        name: version.name(),
        protocol: version.alpn(),
        number: version.coding(),
    }
}

/// Prints one row of the matrix. The harness keeps back what `println!` prints in a test that passes.
pub(crate) fn print_row(who: &str, binding: &str, seen: &[Forced]) {
    let names: Vec<_> = seen.iter().map(|version| version.name).collect();
    let row = format!("seen: {who}, {binding}: {}\n", names.join(" "));
    io::stdout()
        .write_all(row.as_bytes())
        .expect("somebody reads it");
}
