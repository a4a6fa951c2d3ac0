//! The pages in a real Chromium: pictures are read back from pixels, sound from its spectrum.
#![cfg(feature = "plugin")]

mod camera;
mod chromium;
mod fixture;
#[path = "../common/program.rs"]
mod program;
mod publish;
#[path = "../interop/relay.rs"]
#[allow(dead_code, reason = "shared with the tests of interoperability")]
mod relay;
mod viewer;
mod watch;
