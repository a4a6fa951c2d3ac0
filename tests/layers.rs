//! Reads `src/` and fails where one part of the library names another that it must not.

mod layers {
    pub(super) mod paths;
}

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use layers::paths::{module, paths, tokens};

#[test]
fn the_sources_keep_to_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(
        files.len() > 10,
        "only {} files below {root:?}",
        files.len()
    );
    let mut faults = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("the file is readable text");
        let name = file.strip_prefix(&root).expect("it lies below the root");
        let name = name
            .to_str()
            .expect("our names are ASCII")
            .replace('\\', "/");
        faults.extend(check(&name, &source));
    }
    let list: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "\n{}", list.join("\n"));
}

#[test]
fn what_a_layer_must_not_name_is_found_however_it_is_written() {
    let forbidden = [
        ("media/demux.rs", "use gst::prelude::*;"),
        ("media/demux.rs", "use tokio::{sync::Notify, time};"),
        ("media/demux.rs", "use {bytes::Bytes, gst_base as base};"),
        (
            "media/demux.rs",
            "fn f() { let _ = tokio::time::Instant::now(); }",
        ),
        ("media/demux.rs", "use crate::publish::Broadcast;"),
        (
            "media/demux.rs",
            "use crate::{moq_lite::TrackProducer, media};",
        ),
        ("media/demux.rs", "use super::super::net::connect;"),
        ("media/demux.rs", "use crate::moq_lite::*;"),
        (
            "media/demux.rs",
            "use crate::{\n    moq_lite::{\n        Time,\n        Error,\n    },\n};",
        ),
        ("media.rs", "use super::plugin;"),
        ("publish.rs", "use crate::net;"),
        ("publish.rs", "use crate::subscribe::Sample;"),
        ("publish.rs", "use crate::moq_lite::lite::Group;"),
        ("subscribe.rs", "use gst::Buffer;"),
        ("subscribe/skip.rs", "use crate::plugin::RUNTIME;"),
        ("net/client.rs", "use crate::media::Catalog;"),
        ("net/client.rs", "use crate::moq_lite::OriginProducer;"),
        ("net/client.rs", "extern crate gstreamer;"),
        ("plugin/sink/imp.rs", "use quinn::Connection;"),
        ("plugin/sink/imp.rs", "use std::net::{IpAddr, UdpSocket};"),
        (
            "plugin/sink/imp.rs",
            "tokio::net::TcpListener::bind(address)",
        ),
        ("plugin/sink/imp.rs", "tokio::task::block_in_place(|| ())"),
        ("net/mod.rs", "use tokio::task::block_in_place;"),
        ("moq_lite/client.rs", "use crate::net::connect;"),
        ("moq_lite/client.rs", "use super::super::media::Catalog;"),
        ("moq_lite/client.rs", "let x = rustls::version();"),
        (
            "moq_lite/model/track.rs",
            "use crate::moq_lite::lite::Subscribe;",
        ),
        (
            "moq_lite/model/track.rs",
            "use super::super::lite::Subscribe;",
        ),
        (
            "moq_lite/model/track.rs",
            "use crate::moq_lite::{Error, Session};",
        ),
        (
            "moq_lite/model/track.rs",
            "use web_transport_trait::Session;",
        ),
        ("moq_lite/model/track.rs", "tokio::spawn(async {});"),
        (
            "moq_lite/lite/group.rs",
            "use crate::moq_lite::TrackProducer;",
        ),
        (
            "moq_lite/lite/group.rs",
            "use crate::moq_lite::ietf::GroupHeader;",
        ),
        (
            "moq_lite/lite/session/mod.rs",
            "use crate::moq_lite::Client;",
        ),
        (
            "moq_lite/lite/session/mod.rs",
            "use crate::moq_lite::ietf::Publish;",
        ),
        (
            "moq_lite/coding/reader.rs",
            "use crate::moq_lite::TrackProducer;",
        ),
        (
            "moq_lite/coding/reader.rs",
            "use super::super::lite::Group;",
        ),
        ("moq_lite/path.rs", "use super::Client;"),
        ("lib.rs", "mod a { unsafe fn f() {} }"),
        ("plugin/mod.rs", "unsafe { f() }"),
    ];
    for (file, source) in forbidden {
        assert!(!check(file, source).is_empty(), "{file}: {source}");
    }
}

#[test]
fn what_a_layer_may_name_is_let_through() {
    let allowed = [
        (
            "media/demux.rs",
            "// use gst::prelude::*;\n/* tokio /* nested */ gst */\nuse bytes::Bytes;",
        ),
        (
            "media/demux.rs",
            "let text = \"use gst::x; unsafe\"; let raw = r#\"tokio::time \"quoted\" \"#;",
        ),
        (
            "media/demux.rs",
            "let c = '\"'; let l: &'static str = \"gst\"; let b = b'\\'';",
        ),
        (
            "media/demux.rs",
            "use crate::moq_lite::{Timescale, coding::{Decode, VarInt}};",
        ),
        (
            "media/demux.rs",
            "mod tests { use super::*; fn f() {} } use super::codec;",
        ),
        (
            "media/demux.rs",
            "use crate::media::catalog; use super::codec; use super::super::media::x;",
        ),
        (
            "media/demux.rs",
            "let gst_like = self.gst; config.unsafe_code();",
        ),
        (
            "publish.rs",
            "use crate::{media::Catalog, moq_lite::{BroadcastProducer, Track}};",
        ),
        (
            "net/client.rs",
            "use quinn::Endpoint; use crate::moq_lite::{Client, Server}; use std::net::UdpSocket;",
        ),
        (
            "plugin/sink/imp.rs",
            "use crate::{media, moq_lite::Origin, net, publish}; use gst::glib; use std::net::SocketAddr;",
        ),
        ("lib.rs", "gst::plugin_define!(moq);"),
        (
            "moq_lite/model/track.rs",
            "use crate::moq_lite::{Error, Result, coding::VarInt}; use super::Group; use tokio::{sync::Notify, time::Instant};",
        ),
        (
            "moq_lite/lite/group.rs",
            "use crate::moq_lite::{Path, coding::{Decode, DecodeError}};",
        ),
        (
            "moq_lite/lite/session/publisher.rs",
            "use super::super::{Group, Subscribe}; use crate::moq_lite::{Error, OriginConsumer, lite};",
        ),
        (
            "moq_lite/client.rs",
            "use super::{Error, Session, lite, setup};",
        ),
    ];
    for (file, source) in allowed {
        let faults: Vec<_> = check(file, source)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{file}: {source}");
    }
}

/// Files that may hold `unsafe`, each with the reason in its first lines.
const UNSAFE: [&str; 1] = ["moq_lite/coding/sizer.rs"];

/// One rule: files whose name starts with `of` may name of everything that
/// starts with `what` only that which starts with one of `but`.
struct Rule {
    of: &'static [&'static str],
    not_of: &'static [&'static str],
    what: &'static str,
    but: &'static [&'static str],
}

const fn rule(
    of: &'static [&'static str],
    what: &'static str,
    but: &'static [&'static str],
) -> Rule {
    Rule {
        of,
        not_of: &[],
        what,
        but,
    }
}

const fn outside(not_of: &'static [&'static str], what: &'static str) -> Rule {
    Rule {
        of: &[""],
        not_of,
        what,
        but: &[],
    }
}

const ERRORS: &str = "crate::moq_lite::Error";

const RULES: &[Rule] = &[
    // Which folder may name which crates.
    outside(&["plugin", "lib.rs"], "gst"),
    outside(&["plugin", "lib.rs"], "gst_base"),
    outside(&["plugin", "lib.rs"], "gst_video"),
    outside(&["plugin", "lib.rs"], "gstreamer"),
    outside(&["plugin", "lib.rs"], "glib"),
    outside(&["net"], "quinn"),
    outside(&["net"], "quinn_proto"),
    outside(&["net"], "qmux"),
    outside(&["net"], "rustls"),
    outside(&["net"], "rustls_native_certs"),
    outside(&["net"], "rcgen"),
    outside(&["net", "access"], "ring"),
    outside(&["net"], "socket2"),
    outside(&["net"], "web_transport_quinn"),
    outside(&["net"], "tokio_rustls"),
    outside(&["net"], "tokio::net"),
    outside(&["net"], "std::net::UdpSocket"),
    outside(&["net"], "std::net::TcpStream"),
    outside(&["net"], "std::net::TcpListener"),
    outside(&["net"], "std::net::*"),
    rule(&["media"], "tokio", &[]),
    rule(&["media"], "web_transport_trait", &[]),
    rule(
        &["moq_lite/model", "moq_lite/path", "moq_lite/coding"],
        "tokio",
        &["tokio::sync", "tokio::time"],
    ),
    rule(
        &["moq_lite/model", "moq_lite/path"],
        "web_transport_trait",
        &[],
    ),
    // Which part of this library may name which other.
    rule(&["moq_lite"], "crate", &["crate::moq_lite"]),
    rule(&["media"], "crate", &["crate::media", "crate::moq_lite"]),
    rule(
        &["media"],
        "crate::moq_lite",
        &[
            "crate::moq_lite::Timescale",
            "crate::moq_lite::TimeOverflow",
            "crate::moq_lite::coding",
        ],
    ),
    rule(
        &["publish"],
        "crate",
        &["crate::publish", "crate::media", "crate::moq_lite"],
    ),
    rule(
        &["subscribe"],
        "crate",
        &["crate::subscribe", "crate::media", "crate::moq_lite"],
    ),
    rule(&["publish", "subscribe"], "crate::moq_lite::lite", &[]),
    rule(&["publish", "subscribe"], "crate::moq_lite::ietf", &[]),
    rule(&["access"], "tokio", &[]),
    rule(&["access"], "crate", &["crate::access", "crate::moq_lite"]),
    rule(&["access"], "crate::moq_lite::lite", &[]),
    rule(&["access"], "crate::moq_lite::ietf", &[]),
    rule(&["net"], "crate", &["crate::net", "crate::moq_lite"]),
    rule(
        &["net"],
        "crate::moq_lite",
        &[
            "crate::moq_lite::Client",
            "crate::moq_lite::Server",
            "crate::moq_lite::Session",
            "crate::moq_lite::client",
            "crate::moq_lite::server",
            "crate::moq_lite::ALPNS",
            "crate::moq_lite::lite::ALPN",
            ERRORS,
            "crate::moq_lite::Result",
        ],
    ),
    rule(&["moq_lite/model"], "crate::moq_lite", MODEL),
    rule(
        &[
            "moq_lite/coding",
            "moq_lite/path",
            "moq_lite/error",
            "moq_lite/redact",
        ],
        "crate::moq_lite",
        &[
            "crate::moq_lite::coding",
            "crate::moq_lite::path",
            "crate::moq_lite::Path",
            "crate::moq_lite::error",
            ERRORS,
            "crate::moq_lite::Result",
        ],
    ),
    Rule {
        of: &["moq_lite/lite"],
        not_of: &["moq_lite/lite/session"],
        what: "crate::moq_lite",
        but: &[
            "crate::moq_lite::lite",
            "crate::moq_lite::coding",
            "crate::moq_lite::Path",
            "crate::moq_lite::AsPath",
            ERRORS,
            "crate::moq_lite::Result",
            "crate::moq_lite::error",
            "crate::moq_lite::path",
            "crate::moq_lite::redact",
        ],
    },
    rule(&["moq_lite/lite"], "crate::moq_lite::ietf", &[]),
    rule(&["moq_lite/lite"], "crate::moq_lite::Client", &[]),
    rule(&["moq_lite/lite"], "crate::moq_lite::Server", &[]),
    rule(&["moq_lite/lite"], "crate::moq_lite::client", &[]),
    rule(&["moq_lite/lite"], "crate::moq_lite::server", &[]),
    rule(&["moq_lite/ietf"], "crate::moq_lite::lite", &[]),
    // Nowhere.
    outside(&[], "tokio::task::block_in_place"),
];

/// What the model may name of the transport: itself, paths, errors, time, coding.
const MODEL: &[&str] = &[
    "crate::moq_lite::model",
    "crate::moq_lite::coding",
    "crate::moq_lite::path",
    "crate::moq_lite::error",
    "crate::moq_lite::AsPath",
    "crate::moq_lite::Path",
    "crate::moq_lite::PathOwned",
    ERRORS,
    "crate::moq_lite::Result",
    "crate::moq_lite::Broadcast",
    "crate::moq_lite::BroadcastConsumer",
    "crate::moq_lite::BroadcastProducer",
    "crate::moq_lite::Frame",
    "crate::moq_lite::FrameConsumer",
    "crate::moq_lite::FrameProducer",
    "crate::moq_lite::Group",
    "crate::moq_lite::GroupConsumer",
    "crate::moq_lite::GroupProducer",
    "crate::moq_lite::Time",
    "crate::moq_lite::TimeOverflow",
    "crate::moq_lite::Timescale",
    "crate::moq_lite::Track",
    "crate::moq_lite::TrackConsumer",
    "crate::moq_lite::TrackProducer",
];

struct Fault {
    file: String,
    named: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{} must not name {}", self.file, self.named)
    }
}

fn check(file: &str, source: &str) -> Vec<Fault> {
    let tokens = tokens(source);
    let mut faults: Vec<_> = paths(module(file), &tokens)
        .into_iter()
        .map(|path| path.join("::"))
        .filter(|path| RULES.iter().any(|rule| rule.forbids(file, path)))
        .collect();
    let lone = ["block_in_place", "unsafe"];
    let found = lone
        .into_iter()
        .filter(|word| tokens.iter().any(|token| token == word));
    faults.extend(
        found
            .filter(|word| *word != "unsafe" || !UNSAFE.contains(&file))
            .map(str::to_owned),
    );
    let name = |named| Fault {
        file: file.to_owned(),
        named,
    };
    faults.into_iter().map(name).collect()
}

impl Rule {
    fn forbids(&self, file: &str, path: &str) -> bool {
        let lies_in = |place: &str| {
            let rest = file.strip_prefix(place);
            rest.is_some_and(|rest| {
                place.is_empty() || rest.is_empty() || rest.starts_with(['/', '.'])
            })
        };
        let names = |what: &str| {
            let rest = path.strip_prefix(what);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.of.iter().any(|place| lies_in(place))
            && !self.not_of.iter().any(|place| lies_in(place))
            && names(self.what)
            && !self.but.iter().any(|but| names(but))
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
