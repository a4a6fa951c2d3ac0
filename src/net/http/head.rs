//! The head of a request: what it asks for, or how it is refused.

use percent_encoding::percent_decode_str;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Decoded, without the query; begins with a slash and names nothing hidden or above.
    pub(super) path: String,
    /// `false` for HEAD.
    pub(super) with_body: bool,
    /// Whether a page of another server asks.
    pub(super) from_elsewhere: bool,
}

/// Why a request gets no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotHttp,
    Path,
    Method,
    NotFound,
}

impl Refusal {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::NotHttp | Self::Path => "400 Bad Request",
            Self::Method => "405 Method Not Allowed",
            Self::NotFound => "404 Not Found",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::NotHttp => "not an HTTP request\n",
            Self::Path => "not a path that is served\n",
            Self::Method => "method not allowed\n",
            Self::NotFound => "not found\n",
        }
    }
}

/// What a request of which `head` arrived so far asks for; `None`: wait for more.
pub(super) fn parse(head: &[u8]) -> Option<Result<Request, Refusal>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() <= HEAD_LIMIT => return None,
        Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => {}
        Ok(_) | Err(_) => return Some(Err(Refusal::NotHttp)),
    }
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Some(Err(Refusal::Method)),
    };
    let path = request.path.and_then(decode).ok_or(Refusal::Path);
    // A browser says it where it lets a page read what is not of its own server.
    let from_elsewhere = request
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("origin"));
    Some(path.map(|path| Request {
        path,
        with_body,
        from_elsewhere,
    }))
}

/// The path of a request's target, if it is one that a file of ours could have.
fn decode(target: &str) -> Option<String> {
    let path = target.split(['?', '#']).next()?;
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut names = path.strip_prefix('/')?.split('/');
    let fits = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
    };
    (path == "/" || names.all(fits)).then(|| path.into_owned())
}

/// Bytes of a request's head that are read.
pub(super) const HEAD_LIMIT: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Result<String, Refusal> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        parse(head.as_bytes())
            .expect("it is whole")
            .map(|request| request.path)
    }

    #[test]
    fn paths_lose_their_query_and_their_escapes() {
        assert_eq!(get("/"), Ok("/".into()));
        assert_eq!(get("/?jwt=a.b"), Ok("/".into()));
        assert_eq!(get("/publish?x#y"), Ok("/publish".into()));
        assert_eq!(get("/a%20b/%C3%A9.js"), Ok("/a b/é.js".into()));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for target in [
            "/..",
            "/../etc/passwd",
            "/a/../b",
            "/%2e%2e/etc/passwd",
            "/.%2E/x",
            "/a%2f..%2fb",
            "/.git/config",
            "/a/.",
            "//etc/passwd",
            "/a//b",
            "/a/",
            "/..%5c..%5cx",
            "/C:/x",
            "/a%00b",
            "/%ff",
            "etc/passwd",
            "http://h/",
            "*",
        ] {
            assert_eq!(get(target), Err(Refusal::Path), "{target}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let refused = |head: &str| parse(head.as_bytes()).expect("it is judged").unwrap_err();
        assert_eq!(refused("POST / HTTP/1.1\r\n\r\n"), Refusal::Method);
        assert_eq!(refused("\u{16}\u{3}\u{1}garbage\r\n\r\n"), Refusal::NotHttp);
        assert_eq!(refused("GET /\r\n\r\n"), Refusal::NotHttp);
        assert_eq!(refused(&"A".repeat(HEAD_LIMIT + 1)), Refusal::NotHttp);
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(HEAD_LIMIT));
        assert_eq!(refused(&long), Refusal::NotHttp);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
        assert_eq!(refused(&many), Refusal::NotHttp);
    }

    #[test]
    fn a_page_of_another_server_is_known() {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\norigin: http://other\r\n\r\n";
        let request = Request {
            path: "/".into(),
            with_body: true,
            from_elsewhere: true,
        };
        assert_eq!(parse(head), Some(Ok(request)));
    }

    #[test]
    fn every_prefix_of_a_request_waits() {
        let whole = b"HEAD /publish HTTP/1.1\r\nHost: h\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), None, "{cut}");
        }
        let request = Request {
            path: "/publish".into(),
            with_body: false,
            from_elsewhere: false,
        };
        assert_eq!(parse(whole), Some(Ok(request)));
    }
}
