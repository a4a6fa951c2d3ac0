//! The demonstration for browsers.

use std::{path::Path, process::Command};

use crate::{chromium::Page, program::Program};

/// Stopped as by a person with the value, so that it ends what it started.
struct Demo(Option<Program>);

impl Demo {
    fn start(out: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/demo.py");
        let mut command = Command::new("python3");
        command.arg(script).args(["--browser", "--out"]).arg(out);
        Self(Some(Program::start(&mut command)))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(demo) = self.0.take() {
            demo.interrupt();
            demo.end();
        }
    }
}

#[test]
fn the_demo_names_an_address_that_plays_and_runs_until_it_is_stopped() {
    let out = std::env::temp_dir().join(format!("gst-plugin-moq-demo-{}", std::process::id()));
    std::fs::create_dir_all(&out).expect("the folder can be made");
    let mut demo = Demo::start(&out);
    let running = demo.0.as_mut().expect("it was started");
    let address = running.line(|line| line.trim_start().starts_with("http://"));

    let page = Page::open(address.trim());
    page.until("document.getElementById('stage').dataset.state === 'playing'");
    page.until("document.querySelector('moq-watch').video.out.stats.peek()?.frameCount >= 60");
    page.until("document.getElementById('delay-name').lastChild.textContent === 'Delay'");
    page.until("document.getElementById('picture').textContent.startsWith('1280×720')");
    page.screenshot("watch-demo");
    drop(page);

    let running = demo.0.take().expect("it was started");
    running.interrupt();
    running.ends_well();
    std::fs::remove_dir_all(&out).expect("nobody uses it any more");
}
