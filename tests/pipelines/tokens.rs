//! Keys and tokens for the tests, minted as the relay's own tool does.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

/// A secret of which no part may be seen anywhere.
pub(crate) const SECRET: &str = "an-example-of-a-secret-of-32-bytes";

/// A file with the key, which goes with the value.
pub(crate) struct KeyFile(PathBuf);

impl KeyFile {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("moq-test-{}-{number}.jwk", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, jwk()).expect("the folder for temporary files can be written to");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The key as JSON.
pub(crate) fn jwk() -> String {
    json!({"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)}).to_string()
}

/// A token with these claims.
pub(crate) fn token(claims: &Value) -> String {
    signed(claims, SECRET)
}

/// A token that another key has signed.
pub(crate) fn foreign(claims: &Value) -> String {
    signed(claims, "another-example-of-a-secret-of-32-b")
}

/// So many seconds from now.
pub(crate) fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is after 1970").as_secs();
    i64::try_from(now).expect("it is not that late") + seconds
}

fn signed(claims: &Value, secret: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&json!({"alg": "HS256"})), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}
