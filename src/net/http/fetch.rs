//! Asking a server for the fingerprint of its certificate: `GET /certificate.sha256`.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::PATH;
use crate::net::{Error, Fingerprint, connect, target::Target};

/// Asks the HTTP server at the URL's host and port for the fingerprint of its certificate.
pub(in crate::net) async fn fetch(
    target: &Target,
    addresses: Vec<SocketAddr>,
) -> Result<Fingerprint, Error> {
    let authority = target.authority();
    let request = format!(
        "GET {PATH} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\nAccept: text/plain\r\n\r\n"
    );
    let raced = connect::race(addresses, move |address| {
        let request = request.clone();
        async move {
            match timeout(FETCH_TIME, ask(address, request.as_bytes())).await {
                Ok(result) => result,
                Err(_) => Err(Complaint::Silence(format!(
                    "no answer within {} s",
                    FETCH_TIME.as_secs()
                ))),
            }
        }
    })
    .await;
    raced.map_err(|complaints| {
        // An answer says more than silence.
        let answered = complaints
            .iter()
            .any(|complaint| matches!(complaint, Complaint::Answer(_)));
        let reason = complaints
            .into_iter()
            .find_map(|complaint| match complaint {
                Complaint::Answer(reason) => Some(reason),
                Complaint::Silence(reason) if !answered => Some(reason),
                Complaint::Silence(_) => None,
            });
        Error::Fetch {
            url: format!("http://{authority}{PATH}"),
            reason: reason.unwrap_or_else(|| "it was given up".into()),
            answered,
        }
    })
}

/// Why one address gave no fingerprint.
#[derive(Debug, PartialEq, Eq)]
enum Complaint {
    Silence(String),
    Answer(String),
}

async fn ask(address: SocketAddr, request: &[u8]) -> Result<Fingerprint, Complaint> {
    let silence = |error: io::Error| {
        Complaint::Silence(format!(
            "{error} at {address} (TCP); is the server running?"
        ))
    };
    let mut stream = TcpStream::connect(address).await.map_err(silence)?;
    stream.write_all(request).await.map_err(silence)?;
    let mut bytes = Vec::new();
    loop {
        let room = (RESPONSE_LIMIT + 1 - bytes.len()) as u64;
        let ended = (&mut stream)
            .take(room)
            .read_buf(&mut bytes)
            .await
            .map_err(silence)?
            == 0;
        if let Some(result) = parse(&bytes, ended) {
            return result.map_err(Complaint::Answer);
        }
    }
}

/// The fingerprint in a response of which `bytes` arrived so far; `None`: wait for more. Once the peer has `ended`, or said
/// more than it may, there is always an answer.
fn parse(bytes: &[u8], ended: bool) -> Option<Result<Fingerprint, String>> {
    let too_much = bytes.len() > RESPONSE_LIMIT;
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let body = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => &bytes[length..],
        Ok(httparse::Status::Partial) if ended => return Some(Err("the answer breaks off".into())),
        Ok(httparse::Status::Partial) if too_much => {
            return Some(Err("the answer is too long".into()));
        }
        Ok(httparse::Status::Partial) => return None,
        Err(_) => return Some(Err("the answer is not HTTP".into())),
    };
    let code = response.code.unwrap_or_default();
    if code != 200 {
        return Some(Err(format!("the answer is HTTP status {code}")));
    }
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
    };
    if header("transfer-encoding").is_some() {
        return Some(Err(
            "the answer is chunked, although HTTP/1.0 was asked for".into(),
        ));
    }
    let length = match header("content-length") {
        None => None,
        Some(header) => match std::str::from_utf8(header.value)
            .ok()
            .and_then(|text| text.trim().parse::<usize>().ok())
        {
            Some(length) => Some(length),
            None => return Some(Err("the answer has no valid length".into())),
        },
    };
    let body = match length {
        Some(length) if body.len() >= length => &body[..length],
        None if ended => body,
        _ if ended => return Some(Err("the answer breaks off".into())),
        _ if too_much => return Some(Err("the answer is too long".into())),
        _ => return None,
    };
    let fingerprint = std::str::from_utf8(body)
        .ok()
        .and_then(|text| text.parse().ok());
    Some(fingerprint.ok_or_else(|| "the answer is not a SHA-256 fingerprint".into()))
}

/// Bytes of a response that are read.
const RESPONSE_LIMIT: usize = 16 << 10;

/// For the whole of asking.
const FETCH_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00ff10a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e";

    #[test]
    fn every_prefix_of_an_answer_waits_and_every_cut_is_an_error() {
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{HEX}\n");
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..cut], false), None, "{cut}");
            assert_eq!(
                parse(&whole.as_bytes()[..cut], true),
                Some(Err("the answer breaks off".into())),
                "{cut}"
            );
        }
        assert_eq!(
            parse(whole.as_bytes(), false),
            Some(Ok(HEX.parse().unwrap()))
        );
    }

    #[test]
    fn answers_that_are_no_fingerprint_say_so() {
        let parsed = |text: &str| parse(text.as_bytes(), true).unwrap();
        assert_eq!(
            parsed(&format!("HTTP/1.0 200 OK\r\n\r\n{HEX}")),
            Ok(HEX.parse().unwrap())
        );
        for (text, says) in [
            (
                "HTTP/1.1 404 Not Found\r\n\r\n",
                "the answer is HTTP status 404",
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\nhello",
                "the answer is not a SHA-256 fingerprint",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "the answer has no valid length",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "the answer is chunked, although HTTP/1.0 was asked for",
            ),
            ("SSH-2.0-x\r\n", "the answer is not HTTP"),
        ] {
            assert_eq!(parsed(text), Err(says.into()));
        }
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(RESPONSE_LIMIT));
        assert_eq!(
            parse(endless.as_bytes(), false),
            Some(Err("the answer is too long".into()))
        );
    }
}
