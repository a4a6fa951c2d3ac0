//! One Chromium for all tests of this program, driven by lines of JSON through `web/test/driver.js`.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    time::Duration,
};

use serde_json::{Value, json};

use crate::certificates;

/// The longest that an answer may take; the driver itself waits 30 seconds at most.
const LIMIT: Duration = Duration::from_secs(45);

/// An open page; closes with the value.
pub(crate) struct Page {
    number: Value,
}

impl Page {
    pub(crate) fn open(url: &str) -> Self {
        Self::open_sized(url, 1280, 800)
    }

    pub(crate) fn open_sized(url: &str, width: u32, height: u32) -> Self {
        let script = include_str!("tap.js");
        let request = json!({"command": "open", "url": url, "script": script, "width": width, "height": height});
        let number = Driver::running()
            .ask(request)
            .unwrap_or_else(|error| panic!("{url} does not open: {error}"));
        Self { number }
    }

    /// As a person who presses F5.
    pub(crate) fn reload(&self) {
        self.must("reload", json!({}));
    }

    /// The value of a JavaScript expression.
    pub(crate) fn evaluate(&self, source: &str) -> Value {
        self.must("evaluate", json!({"source": source}))
    }

    /// Waits until a JavaScript expression is true.
    pub(crate) fn until(&self, source: &str) {
        if let Err(error) = self.ask("until", json!({"source": source})) {
            let state = self.evaluate(STATE);
            panic!("{source} never came true: {error}\n{state:#}");
        }
    }

    pub(crate) fn click(&self, selector: &str) {
        self.must("click", json!({"selector": selector}));
    }

    pub(crate) fn select(&self, selector: &str, value: &str) {
        self.must("select", json!({"selector": selector, "value": value}));
    }

    /// Leaves a picture of the page where `GST_MOQ_SCREENSHOTS` names a folder.
    pub(crate) fn screenshot(&self, name: &str) {
        if let Ok(folder) = std::env::var("GST_MOQ_SCREENSHOTS") {
            let path = Path::new(&folder).join(format!("{name}.png"));
            self.must("screenshot", json!({"path": path}));
        }
    }

    fn must(&self, command: &str, request: Value) -> Value {
        self.ask(command, request)
            .unwrap_or_else(|error| panic!("{command} failed: {error}"))
    }

    fn ask(&self, command: &str, mut request: Value) -> Result<Value, String> {
        request["command"] = command.into();
        request["page"] = self.number.clone();
        Driver::running().ask(request)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.ask("close", json!({}));
    }
}

/// What a page shows, for the message of a test that failed.
const STATE: &str = "({
    status: document.getElementById('status')?.textContent,
    notice: document.getElementById('notice')?.innerText,
    stage: document.getElementById('stage')?.dataset.state,
    probe: window.probe?.frames.length,
})";

struct Driver {
    stdin: Mutex<ChildStdin>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    answers: HashMap<u64, mpsc::Sender<Value>>,
}

impl Driver {
    /// The one of this process. It ends when its standard input does, which is when this process ends.
    fn running() -> &'static Self {
        static DRIVER: OnceLock<Driver> = OnceLock::new();
        DRIVER.get_or_init(|| {
            let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
            assert!(
                web.join("node_modules/playwright-core").exists(),
                "the browser's driver is not installed: run `npm --prefix web ci`"
            );
            let mut child = Command::new("node")
                .arg("test/driver.js")
                .env("TRUSTED_KEY", certificates::trusted_key())
                .current_dir(&web)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("node can be started");
            let stdin = child.stdin.take().expect("it is piped");
            let stdout = child.stdout.take().expect("it is piped");
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let answer: Value = serde_json::from_str(&line).expect("answers are JSON");
                    let id = answer["id"].as_u64().expect("answers have a number");
                    let mut waiting = Self::running()
                        .waiting
                        .lock()
                        .expect("nobody panics with it");
                    if let Some(sender) = waiting.answers.remove(&id) {
                        let _ = sender.send(answer);
                    }
                }
                // It is gone, and nobody shall wait for it.
                let mut waiting = Self::running()
                    .waiting
                    .lock()
                    .expect("nobody panics with it");
                waiting.answers.clear();
                let _ = child.wait();
            });
            Self {
                stdin: Mutex::new(stdin),
                waiting: Mutex::default(),
            }
        })
    }

    fn ask(&self, mut request: Value) -> Result<Value, String> {
        let (sender, answer) = mpsc::channel();
        let id = {
            let mut waiting = self.waiting.lock().expect("nobody panics with it");
            waiting.last += 1;
            let id = waiting.last;
            waiting.answers.insert(id, sender);
            id
        };
        request["id"] = id.into();
        let line = format!("{request}\n");
        let mut stdin = self.stdin.lock().expect("nobody panics with it");
        stdin
            .write_all(line.as_bytes())
            .map_err(|error| format!("Chromium's driver is gone: {error}"))?;
        drop(stdin);
        let answer = answer
            .recv_timeout(LIMIT)
            .map_err(|error| format!("Chromium does not answer: {error}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["value"].clone()),
        }
    }
}
