//! A page that plays what is not at the server that it came from: at another element, and at relays.

use serde_json::json;

use crate::{
    authority::{TOKEN, authority},
    certificates::{Files, address},
    chromium::Page,
    fixture::{H264, PICTURE, Publisher, TONE, Watched},
    relay::{Relay, free_port},
    tokens::{KeyFile, foreign, token},
};

/// Publishes a picture without a clock, and serves the page.
fn here() -> Publisher {
    Publisher::start(&format!(
        "videotestsrc is-live=true pattern=black ! video/x-raw,width=640,height=360,framerate=30/1 ! {H264} \
         ! moqsink name=sink listen=127.0.0.1:0 broadcast=here"
    ))
}

/// Publishes the picture with the clock through this sink.
fn there(sink: &str) -> Publisher {
    Publisher::start(&format!(
        "{PICTURE} ! {H264} ! moqsink name=sink {sink} {TONE} ! opusenc ! sink."
    ))
}

/// Opens the page of `here`, told to play what is at `url`.
fn open(here: &Publisher, url: &str, more: &str) -> Page {
    Page::open(&format!("{}?url={url}{more}", here.url()))
}

/// What the page has connected to, over WebTransport.
fn connected(page: &Page) -> String {
    page.until("document.querySelector('moq-watch').connection.established.peek()?.transport === 'webtransport'");
    let url = page.evaluate("document.querySelector('moq-watch').connection.url.peek().href");
    url.as_str().expect("it is a text").to_owned()
}

#[test]
fn the_page_plays_what_another_element_serves() {
    let here = here();
    let one = there("listen=127.0.0.1:0 broadcast=cam");
    let both = there("listen=[::]:0 broadcast=cam");
    let [one_at, both_at] =
        [&one, &both].map(|it| move |host: &str| format!("http://{host}:{}/", it.port()));
    let mut addresses = vec![
        (one.url(), one.url()),
        (format!("127.0.0.1:{}", one.port()), one.url()),
        // That is ::1 for QUIC, where only the other one listens.
        (one_at("localhost"), one.url()),
        (both_at("localhost"), both_at("localhost")),
        (both_at("127.0.0.1"), both_at("127.0.0.1")),
    ];
    addresses.extend(address().map(|address| {
        let url = both_at(&address.to_string());
        (url.clone(), url)
    }));
    for (url, at) in addresses {
        let watched = Watched::of(open(&here, &url, ""));
        watched.sees(10);
        watched.hears();
        assert_eq!(connected(&watched.page), at.replace("http:", "https:"));
    }
}

#[test]
fn the_page_comes_back_to_another_element_that_was_away() {
    let here = here();
    let sink = "listen=127.0.0.1:0 broadcast=cam";
    let publisher = there(sink);
    let (port, url) = (publisher.port(), publisher.url());
    let watched = Watched::of(open(&here, &url, ""));
    watched.sees(10);
    drop(publisher);
    watched.waits();
    // With another certificate.
    let _publisher = there(&sink.replace(":0", &format!(":{port}")));
    watched.sees(10);
}

#[test]
fn where_nobody_answers_the_page_says_so_and_waits() {
    let here = here();
    let port = free_port();
    let page = open(&here, &format!("http://127.0.0.1:{port}/"), "");
    page.until("document.getElementById('notice-title').textContent === 'No answer yet'");
    let text = page.evaluate("document.getElementById('notice-text').textContent");
    assert!(
        text.to_string().contains(&format!("127.0.0.1:{port}")),
        "{text}"
    );
    let _publisher = there(&format!("listen=127.0.0.1:{port} broadcast=cam"));
    Watched::of(page).sees(10);
}

#[test]
fn a_token_goes_to_the_element_that_the_address_names() {
    let here = here();
    let key = KeyFile::new();
    let sink = format!(
        "listen=127.0.0.1:0 broadcast=studio/cam auth-key={}",
        key.path()
    );
    let publisher = there(&sink);
    let url = format!("{}studio", publisher.url());
    let claims = json!({"root": "studio", "get": "cam"});
    let refused = open(&here, &url, &format!("&jwt={}", foreign(&claims)));
    refused.until("document.getElementById('notice-title').textContent === 'You are not let in'");
    let more = format!("&broadcast=cam&jwt={}", token(&claims));
    let watched = Watched::of(open(&here, &url, &more));
    watched.sees(10);
    let shown = watched.page.evaluate("location.href");
    assert!(!shown.to_string().contains("jwt"), "{shown}");
}

#[test]
fn the_broadcast_that_the_address_names_is_played_and_no_other() {
    let relay = Relay::start();
    let here = here();
    let _other = Publisher::start(&format!(
        "videotestsrc is-live=true pattern=white ! video/x-raw,width=320,height=180,framerate=30/1 ! {H264} \
         ! moqsink url={} broadcast=a",
        relay.url()
    ));
    let _clock = there(&format!("url={} broadcast=b/c", relay.url()));
    let watched = Watched::of(open(&here, &relay.url(), "&broadcast=b%2Fc"));
    watched.sees(10);
    let list = "[...document.querySelectorAll('#broadcasts button')].map((item) => item.textContent).join()";
    watched.page.until(&format!("{list} === 'a,b/c'"));
    assert_eq!(
        watched
            .page
            .evaluate("document.querySelector('moq-watch').name"),
        "b/c"
    );
    // And the other one when it is clicked.
    watched.page.click("#broadcasts li:first-child button");
    watched.page.until("probe.width === 320");
}

#[test]
fn a_relay_with_a_certificate_of_an_authority_is_reached_over_tls() {
    let files = Files::new();
    files.of_authority(90);
    let [chain, key] = files.paths();
    let relay = Relay::start_certified(&chain, &key);
    let url = format!("https://127.0.0.1:{}/anon", relay.port);
    let here = here();
    let _publisher = there(&format!("url={url} tls-disable-verify=true broadcast=cam"));
    let watched = Watched::of(open(&here, &url, ""));
    watched.sees(10);
    watched.hears();
    assert_eq!(connected(&watched.page), url);
}

#[test]
fn a_token_goes_to_a_relay() {
    let relay = Relay::start_asking(&authority());
    let url = format!("http://127.0.0.1:{}/room", relay.port);
    let here = here();
    let _publisher = there(&format!("url={url} auth-token={TOKEN} broadcast=cam"));
    let watched = Watched::of(open(&here, &url, &format!("&jwt={TOKEN}")));
    watched.sees(10);
    let address = watched.page.evaluate("location.href");
    assert_eq!(
        address,
        format!(
            "{}?url={}",
            here.url(),
            url.replace(':', "%3A").replace('/', "%2F")
        )
    );
}

#[test]
fn what_is_no_address_is_said() {
    let here = here();
    for wrong in ["ftp://x", "http://"] {
        let page = open(&here, wrong, "");
        page.until("document.getElementById('notice-title').textContent === 'One more step'");
        let text = page.evaluate("document.getElementById('notice-text').textContent");
        assert!(text.to_string().contains(wrong), "{text}");
        page.click("#notice a");
        page.until("document.getElementById('version').textContent.startsWith('moq-lite-')");
    }
}
