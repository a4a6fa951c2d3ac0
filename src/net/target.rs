//! What a session URL means: whom to dial, how, and what to ask for.

use std::net::IpAddr;

use url::{Host, Url};

use super::Error;

/// A session URL, understood.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) binding: Binding,
    /// `https`, with the token in its query if there is one. Printed only through [`redact`].
    pub(super) url: Url,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

/// How a session is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// WebTransport over HTTP/3; `development` asks for the certificate's fingerprint over plain HTTP first.
    WebTransport { development: bool },
    /// Streams of QUIC as they are.
    Raw,
}

impl Target {
    /// Understands `url`; `token` goes into its query as `jwt`, in place of one that is there.
    pub(super) fn new(url: &Url, token: Option<&str>) -> Result<Self, Error> {
        let scheme = url.scheme();
        let (binding, default_port) = match scheme {
            "https" => (Binding::WebTransport { development: false }, 443),
            "http" => (Binding::WebTransport { development: true }, 80),
            "moqt" | "moql" => (Binding::Raw, 443),
            _ => {
                return Err(Error::Url(format!(
                    "its scheme is {scheme}://, and only https://, http://, moqt:// and moql:// are known"
                )));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Url(
                "a user name or password has no place in it; use auth-token".into(),
            ));
        }

        // As https the host is parsed as a host (an address, an international name), whatever the scheme was.
        let rest = url.as_str().get(scheme.len()..).unwrap_or_default();
        if !rest.starts_with("://") || rest.starts_with(":///") {
            return Err(Error::Url(format!("{} names no host", redact(url))));
        }
        let port = url.port().unwrap_or(default_port);
        let mut url = Url::parse(&format!("https{rest}"))
            .map_err(|error| Error::Url(format!("{} is malformed: {error}", redact(url))))?;
        url.set_fragment(None);
        if port == 0 || url.set_port(Some(port)).is_err() {
            return Err(Error::Url(format!(
                "{} needs a port other than 0",
                redact(&url)
            )));
        }
        let host = match url.host() {
            Some(host) => host.to_owned(),
            None => return Err(Error::Url(format!("{} names no host", redact(&url)))),
        };

        if let Some(token) = token.filter(|token| !token.is_empty()) {
            set_token(&mut url, token);
        }
        Ok(Self {
            binding,
            url,
            host,
            port,
        })
    }

    /// `host:port`, for messages.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The name that the server's certificate must have.
    pub(super) fn server_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The address, if the URL holds one instead of a name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
        }
    }

    /// The token in the query, as it is sent.
    pub(super) fn secret(&self) -> Option<&str> {
        token(self.url.query()?)
    }
}

/// `url` fit to be printed: the token in its query and credentials before its host are replaced by `***`.
pub fn redact(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only where a URL cannot hold credentials, and then there are none.
    if url.password().is_some() {
        let _ = url.set_password(Some("***"));
    }
    if !url.username().is_empty() {
        let _ = url.set_username("***");
    }
    if let Some(query) = url.query() {
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) if is_token(key) && !value.is_empty() => format!("{key}=***"),
                _ => pair.to_owned(),
            })
            .collect();
        url.set_query(Some(&pairs.join("&")));
    }
    url.into()
}

/// The value of `jwt` in a query, as it stands on the wire.
pub(super) fn token(query: &str) -> Option<&str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, value)| is_token(key) && !value.is_empty())
        .map(|(_, value)| value)
}

fn set_token(url: &mut Url, token: &str) {
    let mut query: String = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_token(pair.split('=').next().unwrap_or_default()))
        .flat_map(|pair| [pair, "&"])
        .collect();
    query.push_str("jwt=");
    query.extend(url::form_urlencoded::byte_serialize(token.as_bytes()));
    url.set_query(Some(&query));
}

/// Whether a key of a query is `jwt`, percent-encoded or not.
fn is_token(key: &str) -> bool {
    url::form_urlencoded::parse(key.as_bytes()).any(|(key, _)| key.eq_ignore_ascii_case("jwt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, token: Option<&str>) -> Result<Target, Error> {
        Target::new(&Url::parse(url).unwrap(), token)
    }

    #[test]
    fn each_scheme_has_its_binding_and_port() {
        let wt = |development| Binding::WebTransport { development };
        for (url, binding, host, port) in [
            (
                "https://relay.example/anon",
                wt(false),
                "relay.example",
                443,
            ),
            ("https://[::1]:4443", wt(false), "[::1]", 4443),
            ("http://localhost:4443/a", wt(true), "localhost", 4443),
            ("http://localhost/a", wt(true), "localhost", 80),
            ("moql://127.0.0.1/x", Binding::Raw, "127.0.0.1", 443),
            ("moqt://[::1]:99/x", Binding::Raw, "[::1]", 99),
        ] {
            let target = target(url, None).unwrap();
            assert_eq!(
                (
                    target.binding,
                    target.host.to_string().as_str(),
                    target.port
                ),
                (binding, host, port),
                "{url}"
            );
        }
    }

    #[test]
    fn an_address_is_an_address_under_every_scheme() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(
            target("moql://127.0.0.1:1", None).unwrap().address(),
            Some(loopback)
        );
        assert_eq!(
            target("https://127.0.0.1:1", None).unwrap().address(),
            Some(loopback)
        );
        assert_eq!(target("moqt://[::1]:1", None).unwrap().server_name(), "::1");
    }

    #[test]
    fn a_token_joins_the_query_and_replaces_an_older_one() {
        let url = |url, token| target(url, Some(token)).unwrap().url.to_string();
        assert_eq!(url("https://h/p#part", "a.b"), "https://h/p?jwt=a.b");
        assert_eq!(
            url("https://h:8/p?x=1&jwt=old&y=", "a b"),
            "https://h:8/p?x=1&y=&jwt=a+b"
        );
        assert_eq!(url("moqt://h/p", "a.b"), "https://h/p?jwt=a.b");
        assert_eq!(url("http://h:80/p?jwt=kept", ""), "https://h:80/p?jwt=kept");
    }

    #[test]
    fn urls_that_cannot_work_say_why() {
        for (url, says) in [
            (
                "ftp://h/",
                "the URL cannot be used: its scheme is ftp://, and only https://, http://, moqt:// and moql:// are known",
            ),
            (
                "https://me:pw@h/",
                "the URL cannot be used: a user name or password has no place in it; use auth-token",
            ),
            (
                "moql:///path",
                "the URL cannot be used: moql:///path names no host",
            ),
            (
                "moql:path",
                "the URL cannot be used: moql:path names no host",
            ),
            (
                "https://h:0/?jwt=abc",
                "the URL cannot be used: https://h:0/?jwt=*** needs a port other than 0",
            ),
        ] {
            let error = target(url, None).err().unwrap();
            assert_eq!(error.to_string(), says);
            assert_eq!(error.kind(), super::super::Kind::Settings);
        }
    }

    #[test]
    fn a_printed_url_holds_no_secret() {
        let print = |url| redact(&Url::parse(url).unwrap());
        assert_eq!(
            print("https://h/p?a=1&jwt=abc.def&b=2"),
            "https://h/p?a=1&jwt=***&b=2"
        );
        assert_eq!(
            print("https://h/p?%6Awt=abc&JWT=x&jwt="),
            "https://h/p?%6Awt=***&JWT=***&jwt="
        );
        assert_eq!(print("https://me:pw@h/"), "https://***:***@h/");
        assert_eq!(print("moql://h/p"), "moql://h/p");
    }
}
