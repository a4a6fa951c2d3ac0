//! A server that a relay asks who may do what.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

/// Lets in who comes with this.
pub(crate) const TOKEN: &str = "header.right.signature";

/// Asked by the relay over HTTP; it answers for as long as the test runs.
pub(crate) fn authority() -> String {
    authority_that(|token| token == TOKEN)
}

/// One that lets in whoever comes with a token that is `good`.
pub(crate) fn authority_that(good: impl Fn(&str) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A relay that is ended in the middle of a question wants no answer.
            let _ = stream.and_then(|stream| answer(stream, &good));
        }
    });
    url
}

fn answer(mut stream: TcpStream, good: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim().is_empty() {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let question: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = question["query"].as_str().unwrap_or_default();
    let (status, grant) = if query.strip_prefix("jwt=").is_some_and(good) {
        ("200 OK", r#"{"publish":["**"],"subscribe":["**"]}"#)
    } else {
        ("401 Unauthorized", "")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{grant}",
        grant.len()
    )
}
