//! The little HTTP/1 there is: `GET /certificate.sha256`, asked and answered.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Error, Fingerprint, connect, target::Target};

/// Asks the HTTP server at the URL's host and port for the fingerprint of its certificate.
pub(super) async fn fetch(
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

/// Reads one request and answers it. The caller bounds the time.
pub(super) async fn serve(mut stream: TcpStream, fingerprint: Fingerprint) -> io::Result<()> {
    let mut head = Vec::new();
    let answer = loop {
        if let Some(answer) = answer(&head, fingerprint) {
            break answer;
        }
        let room = (HEAD_LIMIT + 1 - head.len()) as u64;
        if (&mut stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing over unread bytes would reset the connection and could take the answer with it.
    let mut rest = stream.take(REST_LIMIT);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

/// What to say to a request of which `head` arrived so far; `None`: wait for more.
fn answer(head: &[u8], fingerprint: Fingerprint) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() <= HEAD_LIMIT => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => {
            return Some(response(
                "400 Bad Request",
                "",
                "not an HTTP request\n",
                true,
            ));
        }
    }
    let method = request.method.unwrap_or_default();
    let path = request.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    Some(match method {
        "GET" | "HEAD" if path == PATH => {
            response("200 OK", "", &format!("{fingerprint}\n"), method == "GET")
        }
        "GET" | "HEAD" => response("404 Not Found", "", "not found\n", method == "GET"),
        _ => response(
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
            "method not allowed\n",
            true,
        ),
    })
}

fn response(status: &str, extra: &str, body: &str, with_body: bool) -> String {
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nAccess-Control-Allow-Origin: *\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n{extra}\r\n{body}"
    )
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

const PATH: &str = "/certificate.sha256";

/// Bytes of a request's head that are read.
const HEAD_LIMIT: usize = 8 << 10;

/// Bytes after the head that are read and thrown away.
const REST_LIMIT: u64 = 64 << 10;

/// Bytes of a response that are read.
const RESPONSE_LIMIT: usize = 16 << 10;

/// For the whole of asking.
const FETCH_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00ff10a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e";

    fn say(head: &str) -> Option<String> {
        answer(head.as_bytes(), HEX.parse().unwrap())
    }

    fn status(head: &str) -> Option<String> {
        Some(say(head)?.lines().next()?.to_owned())
    }

    #[test]
    fn the_fingerprint_is_served_as_a_line_of_text() {
        assert_eq!(
            say("GET /certificate.sha256?x HTTP/1.1\r\nHost: h\r\n\r\n").unwrap(),
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 65\r\nAccess-Control-Allow-Origin: *\r\n\
                 Cache-Control: no-store\r\nConnection: close\r\n\r\n{HEX}\n"
            )
        );
        let head = say("HEAD /certificate.sha256 HTTP/1.1\r\n\r\n").unwrap();
        assert!(
            head.contains("Content-Length: 65\r\n") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    }

    #[test]
    fn other_requests_are_refused_by_status() {
        assert_eq!(
            status("GET / HTTP/1.1\r\n\r\n").unwrap(),
            "HTTP/1.1 404 Not Found"
        );
        assert_eq!(
            status("POST /certificate.sha256 HTTP/1.1\r\n\r\n").unwrap(),
            "HTTP/1.1 405 Method Not Allowed"
        );
        assert_eq!(
            status("\u{16}\u{3}\u{1}garbage\r\n\r\n").unwrap(),
            "HTTP/1.1 400 Bad Request"
        );
        assert_eq!(
            status(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(9000))).unwrap(),
            "HTTP/1.1 400 Bad Request"
        );
        assert_eq!(status("GET /certificate.sha256 HTTP/1.1\r\nHo"), None);
        assert_eq!(status(""), None);
    }

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
