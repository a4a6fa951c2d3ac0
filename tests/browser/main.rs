//! The pages in a real Chromium: pictures are read back from pixels, sound from its spectrum.
#![cfg(feature = "plugin")]

mod access;
mod camera;
mod certificates;
mod chromium;
mod fixture;
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
