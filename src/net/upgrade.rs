//! The HTTP/1.1 exchange that turns a connection into a WebSocket.
//!
//! Written here although tungstenite has one: that one logs the request, and the token in it.

use std::io;

use qmux::ws::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A connection that is a WebSocket now.
pub(super) struct Upgraded {
    /// The sub-protocol that the server chose among those offered.
    pub(super) protocol: String,
    /// Bytes that came after the answer.
    pub(super) rest: Vec<u8>,
}

/// Why it is none.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The answer has another status than 101.
    Status(u16),
    /// The answer is not one to this request.
    Answer(&'static str),
    /// The connection broke.
    Broken(io::Error),
}

/// Asks for `target` (path and query) on `host`, with one of these sub-protocols.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    target: &str,
    offered: &[String],
) -> Result<Upgraded, Refusal> {
    let key = generate_key();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        offered.join(", ")
    );
    let written = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    written.await.map_err(Refusal::Broken)?;
    let accept = derive_accept_key(key.as_bytes());
    let mut bytes = Vec::new();
    loop {
        let room = (HEAD_LIMIT + 1 - bytes.len()) as u64;
        let read = (&mut *stream).take(room).read_buf(&mut bytes).await;
        let ended = read.map_err(Refusal::Broken)? == 0;
        if let Some((length, protocol)) = parse(&bytes, &accept, offered)? {
            let rest = bytes.split_off(length);
            return Ok(Upgraded { protocol, rest });
        }
        if ended {
            return Err(Refusal::Answer("the answer to the request breaks off"));
        }
        if bytes.len() > HEAD_LIMIT {
            return Err(Refusal::Answer("the answer to the request is too long"));
        }
    }
}

/// The length of the answer and the sub-protocol in it; `None`: wait for more.
fn parse(
    bytes: &[u8],
    accept: &str,
    offered: &[String],
) -> Result<Option<(usize, String)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Refusal::Answer("the answer to the request is not HTTP")),
    };
    let status = response.code.unwrap_or_default();
    if status != 101 {
        return Err(Refusal::Status(status));
    }
    let header = |name: &str| {
        let mut all = response.headers.iter();
        let found = all.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    let has = |name: &str, token: &str| {
        header(name).is_some_and(|value| {
            let mut tokens = value.split(',').map(str::trim);
            tokens.any(|found| found.eq_ignore_ascii_case(token))
        })
    };
    if !has("upgrade", "websocket")
        || !has("connection", "upgrade")
        || header("sec-websocket-accept") != Some(accept)
    {
        return Err(Refusal::Answer("the answer is not that of a WebSocket"));
    }
    if header("sec-websocket-extensions").is_some_and(|value| !value.is_empty()) {
        return Err(Refusal::Answer(
            "it uses an extension that was not asked for",
        ));
    }
    match header("sec-websocket-protocol") {
        Some(chosen) if offered.iter().any(|offered| offered == chosen) => {
            Ok(Some((length, chosen.to_owned())))
        }
        Some(_) => Err(Refusal::Answer("it chose a protocol that was not offered")),
        None => Err(Refusal::Answer(
            "it is a WebSocket that speaks none of the protocols offered",
        )),
    }
}

/// Bytes of an answer's head that are read.
const HEAD_LIMIT: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: abc=\r\nSec-WebSocket-Protocol: qmux-01.moql\r\n\r\n";

    fn parsed(text: &str) -> Result<Option<(usize, String)>, String> {
        let offered = ["qmux-01.moql".to_owned(), "qmux-01".to_owned()];
        parse(text.as_bytes(), "abc=", &offered).map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn every_prefix_of_an_answer_waits() {
        for cut in 0..ANSWER.len() {
            assert_eq!(parsed(&ANSWER[..cut]), Ok(None), "{cut}");
        }
        let whole = Ok(Some((ANSWER.len(), "qmux-01.moql".to_owned())));
        assert_eq!(parsed(ANSWER), whole);
        assert_eq!(parsed(&format!("{ANSWER}rest")), whole);
    }

    #[test]
    fn answers_that_make_no_websocket_say_why() {
        for (text, says) in [
            (
                "HTTP/1.1 401 Unauthorized\r\n\r\n".to_owned(),
                "Status(401)",
            ),
            ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), "Status(200)"),
            (
                "SSH-2.0-x\r\n".to_owned(),
                r#"Answer("the answer to the request is not HTTP")"#,
            ),
            (
                ANSWER.replace("abc=", "other"),
                r#"Answer("the answer is not that of a WebSocket")"#,
            ),
            (
                ANSWER.replace("Upgrade: WebSocket\r\n", ""),
                r#"Answer("the answer is not that of a WebSocket")"#,
            ),
            (
                ANSWER.replace("qmux-01.moql", "qmux-09.moql"),
                r#"Answer("it chose a protocol that was not offered")"#,
            ),
            (
                ANSWER.replace("Sec-WebSocket-Protocol: qmux-01.moql\r\n", ""),
                r#"Answer("it is a WebSocket that speaks none of the protocols offered")"#,
            ),
            (
                ANSWER.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"),
                r#"Answer("it uses an extension that was not asked for")"#,
            ),
        ] {
            assert_eq!(parsed(&text), Err(says.to_owned()), "{text}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_refused() {
        let (mut ours, mut theirs) = tokio::io::duplex(64 << 10);
        let endless = format!("HTTP/1.1 101 x\r\nX: {}", "a".repeat(HEAD_LIMIT + 1));
        theirs.write_all(endless.as_bytes()).await.unwrap();
        let refused = upgrade(&mut ours, "h", "/", &[]).await.err();
        assert!(matches!(
            refused,
            Some(Refusal::Answer("the answer to the request is too long"))
        ));
    }
}
