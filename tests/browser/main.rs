//! The pages in a real Chromium: pictures are read back from pixels, sound from its spectrum.
#![cfg(all(feature = "plugin", feature = "pages"))]

mod access;
#[path = "../interop/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of interoperability")]
mod authority;
mod camera;
mod certificates;
mod chromium;
mod demo;
mod elsewhere;
mod fixture;
mod order;
#[path = "../common/pem.rs"]
mod pem;
#[path = "../common/program.rs"]
mod program;
mod publish;
#[path = "../interop/relay.rs"]
#[allow(dead_code, reason = "shared with the tests of interoperability")]
mod relay;
#[path = "../pipelines/tokens.rs"]
#[allow(dead_code, reason = "shared with the tests of pipelines")]
mod tokens;
mod viewer;
mod watch;
