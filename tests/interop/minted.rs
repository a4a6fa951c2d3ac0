//! Keys and tokens of the relay's own tool, to an element that listens and to the relay.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use gst::prelude::*;
use gstmoq::moq_lite::Error;

use crate::{
    authority::authority_that,
    relay::{Relay, program},
    support::{LISTEN, Publisher, live_video},
    token::{session, with_token},
    transport::within,
};

/// A key pair, or a secret, as files; they go with the value.
pub(crate) struct Key {
    folder: PathBuf,
    signs: PathBuf,
    pub(crate) verifies: PathBuf,
}

impl Key {
    pub(crate) fn new(algorithm: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gst-plugin-moq-minted-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
        let (signs, public) = (folder.join("key.jwk"), folder.join("public.jwk"));
        let generate = ["generate", "--algorithm", algorithm, "--out"];
        let mut arguments = generate.map(PathBuf::from).to_vec();
        arguments.push(signs.clone());
        let secret = algorithm.starts_with("HS");
        if !secret {
            arguments.extend(["--public".into(), public.clone()]);
        }
        tool(&arguments, "");
        let verifies = if secret { signs.clone() } else { public };
        Self {
            folder,
            signs,
            verifies,
        }
    }

    /// A token for `cam` that ends so many seconds from now.
    pub(crate) fn token(&self, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("it is after 1970").as_secs() as i64;
        let expires = format!("{}", now + seconds);
        let arguments = ["sign", "--subscribe", "cam", "--expires", &expires, "--key"];
        let mut arguments = arguments.map(PathBuf::from).to_vec();
        arguments.push(self.signs.clone());
        tool(&arguments, "").trim().to_owned()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What the tool says; it must end well.
fn tool(arguments: &[PathBuf], input: &str) -> String {
    let (good, said) = run(arguments, input);
    assert!(good, "{arguments:?}: {said}");
    said
}

fn run(arguments: &[PathBuf], input: &str) -> (bool, String) {
    let mut child = Command::new(program("MOQ_TOKEN"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // What does not read its input has ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Whether the tool takes a token.
fn verifies(key: &Path, token: &str) -> bool {
    run(&["verify".into(), "--key".into(), key.into()], token).0
}

async fn refused(url: &str, token: &str) {
    let error = match session(&with_token(url, "moq-lite-06", token)).await {
        Ok(peer) => within(peer.session.closed()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Unauthorized), "{error}");
}

#[tokio::test]
async fn a_key_and_tokens_of_the_relays_tool_open_an_element_that_listens() {
    for algorithm in ["HS256", "RS256", "ES256", "EdDSA"] {
        let (key, other) = (Key::new(algorithm), Key::new(algorithm));
        let sink = format!("{LISTEN} auth-key={}", key.verifies.display());
        let publisher = Publisher::new(&live_video(&sink));
        publisher.play();
        let url = format!("https://127.0.0.1:{}/", publisher.port);
        for wrong in [key.token(-5), other.token(60), "a.b.c".into()] {
            refused(&url, &wrong).await;
        }
        let options = with_token(&url, "moq-lite-06", &key.token(60));
        let mut viewer = session(&options).await.unwrap();
        let (path, broadcast) = within(viewer.sees.announced()).await.unwrap();
        assert_eq!(
            (path.as_str(), broadcast.is_some()),
            ("cam", true),
            "{algorithm}"
        );
        // It goes on: what is refused is refused before it sees anything.
        publisher.record.wait_for_units("sink_0", 10);
        let stats = publisher
            .pipeline
            .element("sink")
            .property::<gst::Structure>("stats");
        let refused = stats.get::<gst::Structure>("refused").unwrap();
        assert_eq!(refused.get::<u64>("unauthorized"), Ok(3), "{algorithm}");
    }
}

#[tokio::test]
async fn the_same_key_and_tokens_open_the_relay() {
    let (key, other) = (Key::new("ES256"), Key::new("ES256"));
    let public = key.verifies.clone();
    let relay = Relay::start_asking(&authority_that(move |token| verifies(&public, token)));
    let url = format!("https://127.0.0.1:{}/", relay.port);
    refused(&url, &other.token(60)).await;
    refused(&url, &key.token(-5)).await;
    session(&with_token(&url, "moq-lite-06", &key.token(60)))
        .await
        .unwrap();
}
