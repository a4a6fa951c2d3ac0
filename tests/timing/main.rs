//! What a viewer sees and hears, and when: from a camera to decoded pictures and sounds that are shown in time.
//!
//! Each test prints its line of the table; `cargo test --test timing -- --nocapture` shows it.
#![cfg(feature = "plugin")]

mod camera;
mod joins;
#[path = "../common/link.rs"]
mod link;
mod networks;
#[path = "../common/program.rs"]
mod program;
mod recording;
#[path = "../interop/relay.rs"]
#[allow(dead_code)] // the interoperability tests use more of it
mod relay;
mod restarts;
mod table;
mod viewer;

use std::sync::Once;

fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().expect("GStreamer can be started");
        gstmoq::plugin_register_static().expect("the plugin can be registered");
    });
}
