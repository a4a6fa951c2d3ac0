//! `moq://`, `moqt://` and `moql://`: what they say about a session, a broadcast and properties.
//!
//! The last segment of the path is the broadcast and the rest the path of the session, unless the
//! query names the broadcast. What else the query has is the value of a property, or is passed on
//! to the server.

use gst::{URIError, glib, prelude::*};
use url::{Url, form_urlencoded};

/// The schemes, and with which scheme the session is opened.
const SCHEMES: [(&str, &str); 3] = [("moq", "https"), ("moqt", "moqt"), ("moql", "moql")];
/// The schemes alone.
pub(super) const PROTOCOLS: [&str; 3] = [SCHEMES[0].0, SCHEMES[1].0, SCHEMES[2].0];

/// What no address may change: files of this machine, and ports that it opens.
const OURS: [&str; 8] = [
    "name",
    "url",
    "listen",
    "auth-key",
    "http-root",
    "certificate-file",
    "private-key-file",
    "certificate-database-file",
];

/// A URI, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Of the session, for the property `url`.
    pub(super) url: String,
    pub(super) broadcast: String,
    /// Properties that the query names, and the text of their values.
    pub(super) properties: Vec<(String, String)>,
}

impl Address {
    /// Understands `uri`. `is_property` tells which keys of the query are properties.
    pub(super) fn parse(
        uri: &str,
        is_property: impl Fn(&str) -> bool,
    ) -> Result<Self, glib::Error> {
        let bad = |text: String| glib::Error::new(URIError::BadUri, &text);
        // The URI itself may hold a token: no error shows it.
        let parsed =
            Url::parse(uri).map_err(|error| bad(format!("The URI is malformed: {error}")))?;
        let scheme = SCHEMES
            .iter()
            .find(|(scheme, _)| *scheme == parsed.scheme());
        let Some((_, session)) = scheme else {
            let text = format!("The scheme {}:// is not one of MoQ", parsed.scheme());
            return Err(glib::Error::new(URIError::UnsupportedProtocol, &text));
        };
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(bad(format!("The URI names no host: {SHAPE}")));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(bad(
                "A user name or password has no place in the URI; use jwt".into(),
            ));
        }

        let mut broadcast = None;
        let mut properties = Vec::new();
        let mut rest = form_urlencoded::Serializer::new(String::new());
        let mut others = false;
        for (key, value) in parsed.query_pairs() {
            match &*key {
                "broadcast" => broadcast = Some(value.into_owned()),
                "jwt" => properties.push(("auth-token".to_owned(), value.into_owned())),
                key if OURS.contains(&key) => {
                    let text = format!("{key} cannot be set by a URI; set the property");
                    return Err(glib::Error::new(URIError::BadReference, &text));
                }
                key if is_property(key) => properties.push((key.to_owned(), value.into_owned())),
                key => {
                    rest.append_pair(key, &value);
                    others = true;
                }
            }
        }
        let path = parsed.path().trim_matches('/');
        let (path, broadcast) = match broadcast {
            Some(broadcast) => (path, broadcast),
            None => {
                let (path, last) = path.rsplit_once('/').unwrap_or(("", path));
                (path, decoded(last))
            }
        };
        if broadcast.trim_matches('/').is_empty() {
            return Err(bad(format!("The URI names no broadcast: {SHAPE}")));
        }
        let host = parsed.host_str().unwrap_or_default();
        let port = parsed
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let query = match others {
            true => format!("?{}", rest.finish()),
            false => String::new(),
        };
        Ok(Self {
            url: format!("{session}://{host}{port}/{path}{query}"),
            broadcast,
            properties,
        })
    }
}

/// The URI of a session and a broadcast, without any token; `None` where there is none for it.
pub(super) fn of(url: &str, broadcast: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.retain(|(key, _)| !key.eq_ignore_ascii_case("jwt"));
    let (scheme, _) = SCHEMES
        .iter()
        .find(|(_, session)| *session == url.scheme())?;
    let broadcast = broadcast.trim_matches('/');
    // A slash within the broadcast would read as part of the session's path.
    match broadcast.contains('/') || broadcast.is_empty() {
        true => pairs.push(("broadcast".to_owned(), broadcast.to_owned())),
        false => {
            let mut segments = url.path_segments_mut().ok()?;
            segments.pop_if_empty().push(broadcast);
        }
    }
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    url.set_fragment(None);
    let rest = url.as_str().split_once(':')?.1;
    Some(format!("{scheme}:{rest}"))
}

/// The value of a property from text, as gst-launch reads it.
pub(super) fn value(property: &glib::ParamSpec, text: &str) -> Result<glib::Value, glib::Error> {
    glib::Value::deserialize_with_pspec(text, property).map_err(|_| {
        let name = property.name();
        let text = format!("The value of {name} in the URI is not one that {name} can have");
        glib::Error::new(URIError::BadReference, &text)
    })
}

/// A segment of a path, in which `+`, `&` and `=` mean nothing else.
fn decoded(segment: &str) -> String {
    let segment = segment
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(segment.as_bytes());
    pairs
        .next()
        .map(|(text, _)| text.into_owned())
        .unwrap_or_default()
}

const SHAPE: &str = "it should look like moq://relay.example.com/room/camera";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<Address, String> {
        let known = ["latency", "certificate-fingerprints", "auth-token"];
        Address::parse(uri, |key| known.contains(&key)).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn the_last_segment_is_the_broadcast_unless_the_query_names_it() {
        for (uri, url, broadcast) in [
            ("moq://h/cam", "https://h/", "cam"),
            ("moq://h:4443/demo/cam", "https://h:4443/demo", "cam"),
            ("moq://[::1]:9/a/b/cam/", "https://[::1]:9/a/b", "cam"),
            ("moqt://h/demo/cam", "moqt://h/demo", "cam"),
            ("moql://127.0.0.1:1/cam", "moql://127.0.0.1:1/", "cam"),
            ("moq://h/demo?broadcast=a/b", "https://h/demo", "a/b"),
            (
                "moq://h/demo/my%20cam+1?x=y",
                "https://h/demo?x=y",
                "my cam+1",
            ),
        ] {
            let address = parse(uri).expect("it is right");
            assert_eq!(
                (address.url.as_str(), address.broadcast.as_str()),
                (url, broadcast)
            );
            let again = of(&address.url, &address.broadcast).expect("it has one");
            let again = parse(&again).expect("it is right");
            assert_eq!(again.broadcast, address.broadcast, "{uri}");
            assert_eq!(again.url, address.url, "{uri}");
        }
    }

    #[test]
    fn the_query_sets_properties_and_a_token_goes_nowhere_else() {
        let address = parse("moq://h/cam?latency=40&jwt=a.b&certificate-fingerprints=00ff&q=1");
        let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            address,
            Ok(Address {
                url: "https://h/?q=1".into(),
                broadcast: "cam".into(),
                properties: vec![
                    property("latency", "40"),
                    property("auth-token", "a.b"),
                    property("certificate-fingerprints", "00ff"),
                ],
            })
        );
        let shown = of("https://h/room?jwt=secret&q=1", "cam");
        assert_eq!(shown.as_deref(), Some("moq://h/room/cam?q=1"));
        assert_eq!(of("http://h/", "cam"), None);
    }

    #[test]
    fn what_is_no_address_says_why() {
        let error = |uri| parse(uri).expect_err("it is wrong");
        assert!(error("moq://h/").contains("no broadcast"));
        assert!(error("moq:///cam").contains("no host"));
        assert!(error("moq://me:pw@h/cam").contains("password"));
        assert!(error("rtsp://h/cam").contains("rtsp"));
        assert!(error("moq://h/cam?private-key-file=/etc/passwd").contains("private-key-file"));
        let secret = error("moq://h:port/cam?jwt=secret");
        assert!(!secret.contains("secret"), "{secret}");
    }
}
