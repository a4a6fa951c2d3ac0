//! Who is let in, as the page tells it, and what becomes of its token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use gst::prelude::*;
use serde_json::json;

use crate::{
    chromium::Page,
    fixture::{H264, PICTURE, Publisher, Watched},
    publish,
    tokens::{KeyFile, foreign, seconds_from_now, token},
    viewer::Viewer,
};

fn guarded(key: &KeyFile) -> Publisher {
    Publisher::start(&format!(
        "{PICTURE} ! {H264} ! moqsink name=sink listen=127.0.0.1:0 broadcast=studio/cam auth-key={}",
        key.path()
    ))
}

/// What the page says on its stage.
fn says(page: &Page, title: &str, text: &str) {
    page.until(&format!(
        "document.getElementById('notice-title').textContent === '{title}'"
    ));
    let found = page.evaluate("document.getElementById('notice-text').textContent");
    let found = found.as_str().expect("it is a text");
    assert!(found.contains(text), "{found}");
    assert_eq!(
        page.evaluate("document.getElementById('stage').dataset.state"),
        "stopped"
    );
}

#[test]
fn the_page_says_why_it_is_not_let_in() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let expired = json!({"get": "", "exp": seconds_from_now(-60)});
    for (query, title, text) in [
        ("", "You are not let in", "probably asks for a token"),
        (
            "?jwt=eyJ.wrong.token",
            "You are not let in",
            "does not take your token",
        ),
        (
            &format!("?jwt={}", foreign(&json!({"get": ""}))),
            "You are not let in",
            "does not take your token",
        ),
        (
            &format!("?jwt={}", token(&expired)),
            "Your token has expired",
            "It was good until",
        ),
        (
            &format!(
                "?path=/other&jwt={}",
                token(&json!({"root": "studio", "get": ""}))
            ),
            "You are not let in",
            "not for this path",
        ),
    ] {
        let page = Page::open(&format!("{}{query}", publisher.url()));
        says(&page, title, text);
        if query.is_empty() {
            page.screenshot("watch-not-let-in");
        }
    }
    let good = token(&json!({"root": "studio", "get": "cam"}));
    for query in [format!("?jwt={good}"), format!("?path=/studio&jwt={good}")] {
        Watched::of(Page::open(&format!("{}{query}", publisher.url()))).sees(10);
    }
}

#[test]
fn the_page_plays_until_its_token_expires_and_says_so() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let brief = token(&json!({"get": "", "exp": seconds_from_now(8)}));
    let watched = Watched::of(Page::open(&format!("{}?jwt={brief}", publisher.url())));
    watched.sees(10);
    says(
        &watched.page,
        "Your token has expired",
        "Ask for a new address",
    );
}

#[test]
fn an_application_that_says_no_is_told_of_and_one_that_changes_its_mind_is_heard() {
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! {H264} ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam"
    ));
    let open = Arc::new(AtomicBool::new(false));
    let answer = open.clone();
    publisher.sink().connect("authorize", false, move |_| {
        Some(answer.load(Ordering::SeqCst).to_value())
    });
    let page = Page::open(&publisher.url());
    says(&page, "You are not let in", "probably asks for a token");
    open.store(true, Ordering::SeqCst);
    Watched::of(page).sees(10);
}

#[test]
fn a_token_does_not_stay_in_the_address() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let good = token(&json!({"get": ""}));
    let watched = Watched::of(Page::open(&format!(
        "{}?broadcast=studio%2Fcam&jwt={good}",
        publisher.url()
    )));
    watched.sees(5);
    let address = format!("{}?broadcast=studio%2Fcam", publisher.url());
    assert_eq!(watched.page.evaluate("location.href"), address);
    let shown = watched.page.evaluate(
        "document.body.innerText + [...document.links].map((link) => link.href) + document.title",
    );
    assert!(!shown.to_string().contains(&good));
    // Nor in the one that the player writes into the browser's log.
    let dialled = watched
        .page
        .evaluate("document.querySelector('moq-watch').connection.url.peek().href");
    assert_eq!(dialled, publisher.url().replace("http:", "https:"));
    // It is there again when the page is loaded again.
    watched.page.reload();
    watched.page.evaluate(include_str!("probe.js"));
    watched.sees(5);
    assert_eq!(watched.page.evaluate("location.href"), address);
}

#[test]
fn a_page_publishes_with_a_token_and_is_told_without() {
    let key = KeyFile::new();
    let viewer = Viewer::watch(&format!(
        "moqsrc name=source listen=127.0.0.1:0 broadcast=me auth-key={}",
        key.path()
    ));
    let url = format!("{}publish", viewer.url());
    says(
        &Page::open(&url),
        "You are not let in",
        "probably asks for a token",
    );
    let reader = token(&json!({"get": ""}));
    says(
        &Page::open(&format!("{url}?jwt={reader}")),
        "You are not let in",
        "does not take your token",
    );
    let good = token(&json!({"put": "me"}));
    let page = Page::open(&format!("{url}?jwt={good}"));
    publish::start_camera(&page);
    viewer.until(|seen| seen.pictures.len() >= 10);
    assert_eq!(page.evaluate("location.href"), url);
}
