//! Who may watch and who may publish: tokens, what the application says, and what is shown of both.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gst::{glib, prelude::*};
use gstmoq::{
    moq_lite::{Client, Origin},
    net::{ConnectOptions, Quic, Tls, WebSocket, connect},
};
use serde_json::json;

use crate::{
    program::Program,
    support::{LISTEN, Pipeline, Publisher, Viewer, live_video},
    tokens::{KeyFile, SECRET, foreign, jwk, seconds_from_now, token},
};

const REFUSED: &str = "The server does not allow this: check the path of url, broadcast and auth-token (it may have expired)";

fn guarded(key: &KeyFile) -> Publisher {
    let sink = format!("{LISTEN} auth-key={}", key.path());
    let publisher = Publisher::new(&live_video(&sink));
    publisher.play();
    publisher
}

fn viewer(port: u16, path: &str, token: &str) -> Viewer {
    let source = format!("moqsrc name=source url=http://127.0.0.1:{port}/{path} broadcast=cam");
    Viewer::with(&match token {
        "" => source,
        token => format!("{source} auth-token={token}"),
    })
}

/// The error that a pipeline ends with.
fn failure(pipeline: &Pipeline) -> glib::Error {
    let message = pipeline.message(&[gst::MessageType::Error]);
    let message = message.expect("there is an error in time");
    match message.view() {
        gst::MessageView::Error(error) => {
            let debug = error.debug().unwrap_or_default();
            assert!(!debug.contains("eyJ"), "{debug}");
            error.error()
        }
        _ => unreachable!("only errors were asked for"),
    }
}

fn is_refused(pipeline: &Pipeline, case: &str) {
    let error = failure(pipeline);
    assert!(
        error.matches(gst::ResourceError::NotAuthorized),
        "{case}: {error}"
    );
    assert_eq!(error.message(), REFUSED, "{case}");
}

#[test]
fn a_viewer_needs_a_token_of_the_key_for_the_path_and_the_time() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let refused = [
        ("missing", String::new()),
        ("wrong", "eyJ.wrong.token".into()),
        ("foreign", foreign(&json!({"get": ""}))),
        (
            "expired",
            token(&json!({"get": "", "exp": seconds_from_now(-1)})),
        ),
        (
            "for another path",
            token(&json!({"root": "studio", "get": ""})),
        ),
        ("to publish", token(&json!({"put": ""}))),
    ];
    for (case, token) in refused {
        is_refused(&viewer(publisher.port, "", &token).pipeline, case);
    }
    let good = token(&json!({"get": "cam", "exp": seconds_from_now(60)}));
    let viewer = viewer(publisher.port, "", &good);
    viewer.record.wait_for_units("video_0", 10);
    let stats = publisher
        .pipeline
        .element("sink")
        .property::<gst::Structure>("stats");
    let refused = stats
        .get::<gst::Structure>("refused")
        .expect("it is counted");
    assert_eq!(refused.get::<u64>("unauthorized"), Ok(6));
}

#[test]
fn a_token_may_be_shown_in_the_setup_of_moq_transport_alone() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let outcome = |token: Option<String>| {
        let options = ConnectOptions {
            url: format!("https://127.0.0.1:{}/", publisher.port)
                .parse()
                .expect("it is a URL"),
            token: None,
            tls: Tls {
                disable_verify: true,
                ..Tls::default()
            },
            quic: Quic::default(),
            protocols: vec!["moq-00"],
            websocket: WebSocket::default(),
        };
        let seen = async move {
            let mut sees = Origin::produce();
            let client = Client::new().with_consume(sees.producer).with_token(token);
            let transport = connect(&options).await.expect("it answers").transport;
            let _session = client.connect(transport).await.ok()?;
            let (path, _) = sees.consumer.announced().await?;
            Some(path.to_string())
        };
        let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
        let seen = async { tokio::time::timeout(Duration::from_secs(20), seen).await };
        runtime.block_on(seen).expect("it is let in or not")
    };
    assert_eq!(outcome(None), None);
    assert_eq!(outcome(Some(foreign(&json!({"get": ""})))), None);
    let right = token(&json!({"get": ""}));
    assert_eq!(outcome(Some(right)).as_deref(), Some("cam"));
}

#[test]
fn a_token_shows_no_more_than_what_it_names() {
    let key = KeyFile::new();
    let sink = format!("{LISTEN} auth-key={}", key.path()).replace("=cam", "=studio/cam");
    let publisher = Publisher::new(&live_video(&sink));
    publisher.play();
    let named = token(&json!({"root": "studio", "get": "cam"}));
    // The path of the URL may lie above and below the root of the token.
    let below = viewer(publisher.port, "studio", &named);
    below.record.wait_for_units("video_0", 5);
    let url = format!("http://127.0.0.1:{}/", publisher.port);
    let above = Viewer::with(&format!(
        "moqsrc name=source url={url} broadcast=studio/cam auth-token={named}"
    ));
    above.record.wait_for_units("video_0", 5);
    let other = token(&json!({"root": "studio", "get": "camera"}));
    let waiting = viewer(publisher.port, "studio", &other);
    is_refused(&waiting.pipeline, "another broadcast");
    is_refused(
        &viewer(publisher.port, "stud", &named).pipeline,
        "beside the root",
    );
}

#[test]
fn a_token_that_expires_ends_its_session_and_no_other() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let brief = token(&json!({"get": "", "exp": seconds_from_now(3)}));
    let brief = viewer(publisher.port, "", &brief);
    let lasting = viewer(publisher.port, "", &token(&json!({"get": ""})));
    brief.record.wait_for_units("video_0", 5);
    is_refused(&brief.pipeline, "expired while playing");
    let so_far = lasting.record.track("video_0").units.len();
    lasting.record.wait_for_units("video_0", so_far + 30);
}

#[test]
fn a_source_lets_in_who_may_publish_there() {
    let key = KeyFile::new();
    let viewer = Viewer::with(&format!(
        "moqsrc name=source listen=127.0.0.1:0 broadcast=cam auth-key={}",
        key.path()
    ));
    let source = viewer.pipeline.element("source");
    let address = source.property::<Option<String>>("listen-address");
    let address = address.expect("it listens");
    let publish = |token: &str| {
        let sink =
            format!("moqsink name=sink url=http://{address}/ broadcast=cam auth-token={token}");
        let publisher = Pipeline::launch(&live_video(&sink));
        publisher.set_state(gst::State::Playing);
        publisher
    };
    for claims in [json!({"get": ""}), json!({"put": "other"})] {
        is_refused(&publish(&token(&claims)), &claims.to_string());
    }
    let _publisher = publish(&token(&json!({"put": "cam"})));
    viewer.record.wait_for_units("video_0", 30);
}

#[test]
fn the_application_is_asked_about_each_peer() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let sink = publisher.pipeline.element("sink");
    let list = asked.clone();
    sink.connect("authorize", false, move |values| {
        let text = |index: usize| {
            let value: &glib::Value = &values[index];
            value.get::<Option<String>>().expect("it is a text")
        };
        let visit = [text(1), text(2), text(3)];
        let address = text(4).expect("there is an address");
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        let allowed = visit[1].as_deref() == Some("sesame");
        list.lock().expect("no test panics with it").push(visit);
        Some(allowed.to_value())
    });
    publisher.play();
    is_refused(
        &viewer(publisher.port, "", "mustard").pipeline,
        "the application says no",
    );
    is_refused(&publisher.viewer().pipeline, "without a token");
    let let_in = viewer(publisher.port, "", "sesame");
    let_in.record.wait_for_units("video_0", 10);
    let some = |text: &str| Some(text.to_owned());
    let expected = [some("mustard"), None, some("sesame")];
    let expected = expected.map(|token| [some(""), token, some("subscriber")]);
    assert_eq!(*asked.lock().expect("no test panics with it"), expected);
}

#[test]
fn an_application_that_does_not_answer_lets_nobody_in() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    publisher
        .pipeline
        .element("sink")
        .connect("authorize", false, move |_| {
            // Until the end of the test.
            let _ = held.lock().expect("no test panics with it").recv();
            Some(true.to_value())
        });
    publisher.play();
    is_refused(&publisher.viewer().pipeline, "no answer");
    drop(release);
}

#[test]
fn neither_key_nor_token_is_shown() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let sink = publisher.pipeline.element("sink");
    publisher.pipeline.set_state(gst::State::Ready);
    sink.set_property("auth-key", jwk());
    publisher.play();
    let address = sink.property::<Option<String>>("listen-address");
    let port = address.and_then(|address| address.rsplit(':').next()?.parse().ok());
    let good = token(&json!({"get": ""}));
    let viewer = viewer(port.expect("it listens"), "", &good);
    viewer.record.wait_for_units("video_0", 5);
    assert_eq!(
        sink.property::<Option<String>>("auth-key").as_deref(),
        Some("***")
    );
    let encoded = jwk();
    let encoded = encoded
        .split('"')
        .find(|part| part.len() > 40)
        .expect("it is long");
    let mut shown = String::new();
    for pipeline in [&publisher.pipeline, &viewer.pipeline] {
        shown += &pipeline.0.debug_to_dot_data(gst::DebugGraphDetails::all());
    }
    shown += &sink.property::<gst::Structure>("stats").to_string();
    shown += &viewer
        .pipeline
        .element("source")
        .property::<gst::Structure>("stats")
        .to_string();
    for secret in [SECRET, encoded, &good] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn no_log_tells_a_key_or_a_token_however_much_it_tells() {
    let key = KeyFile::new();
    let publisher = guarded(&key);
    let good = token(&json!({"get": ""}));
    let wrong = foreign(&json!({"get": ""}));
    let put = token(&json!({"put": "cam"}));
    let port = publisher.port;
    let url = format!("http://127.0.0.1:{port}/");
    // The token in a property, in the URL, in an address for players, and one that is refused; on both ends.
    let viewers = [
        (
            format!("moqsrc url={url} broadcast=cam auth-token={good}"),
            "chain",
        ),
        (
            format!("moqsrc url={url}?jwt={good} broadcast=cam"),
            "chain",
        ),
        (
            format!("moqsrc uri=moq://127.0.0.1:{port}/cam?jwt={good}&tls-disable-verify=true"),
            "chain",
        ),
        (
            format!("moqsrc url={url} broadcast=cam auth-token={wrong}"),
            "does not allow this",
        ),
    ];
    let sink = "fakesink silent=false sync=false";
    let mut logs = String::new();
    for (source, says) in viewers {
        let mut viewer = Program::gst_launch_logging_all(&format!("{source} ! {sink}"));
        viewer.wait_for(says);
        logs += &viewer.stop().join("\n");
    }
    let listening = format!(
        "moqsrc listen=127.0.0.1:0 broadcast=cam auth-key={} ! {sink}",
        key.path()
    );
    let mut source = Program::gst_launch_logging_all(&listening);
    let line = source.wait_for("Listening on ");
    let address = line.rsplit(' ').next().expect("it ends with the address");
    let publish = live_video(&format!(
        "moqsink url=http://{address}/ broadcast=cam auth-token={put}"
    ));
    let sender = Program::gst_launch_logging_all(&publish);
    source.wait_for("chain");
    logs += &sender.stop().join("\n");
    logs += &source.stop().join("\n");
    // All of it was logged, down to what is received.
    assert!(logs.contains("TRACE") && logs.contains("received value="));
    let signatures = [good, wrong, put].map(|token| {
        let signature = token.rsplit('.').next().map(str::to_owned);
        signature.expect("a token has three parts")
    });
    for secret in [&signatures[0], &signatures[1], &signatures[2], SECRET] {
        // gst-launch logs its own command line.
        let of_others = |line: &&str| !line.contains("gst_parse") && !line.contains("parse.l");
        let mut lines = logs.lines().filter(of_others);
        let line = lines.find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

#[test]
fn a_key_that_cannot_be_used_is_an_error_at_the_start() {
    for (key, says) in [
        (
            "/nowhere/key.jwk".to_owned(),
            "The file /nowhere/key.jwk of auth-key cannot be read: No such file or directory (os error 2)",
        ),
        (
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
            "The key in auth-key cannot be used: its member \"k\" is missing or not valid",
        ),
    ] {
        let pipeline = Pipeline::launch(&live_video(LISTEN));
        pipeline.element("sink").set_property("auth-key", &key);
        let _ = pipeline.0.set_state(gst::State::Paused);
        let error = failure(&pipeline);
        assert!(error.matches(gst::ResourceError::Settings), "{error}");
        assert_eq!(error.message(), says);
    }
}

#[test]
fn viewers_are_told_of_when_they_come_and_when_they_go() {
    let publisher = Publisher::new(&live_video(LISTEN));
    let sink = publisher.pipeline.element("sink");
    let (sender, events) = std::sync::mpsc::channel();
    for signal in ["viewer-added", "viewer-removed"] {
        let sender = sender.clone();
        sink.connect(signal, false, move |values| {
            let id = values[1].get::<u64>().expect("it is a number");
            let about = values[2]
                .get::<gst::Structure>()
                .expect("it is a structure");
            // The test may be over.
            let _ = sender.send((signal, id, about));
            None
        });
    }
    let next = || {
        events
            .recv_timeout(crate::support::LIMIT)
            .expect("a signal comes")
    };
    publisher.play();
    let first = publisher.viewer();
    let (signal, id, about) = next();
    assert_eq!((signal, id), ("viewer-added", 1));
    assert_eq!(about.get::<&str>("version"), Ok("moq-lite-06"));
    assert_eq!(about.get::<&str>("transport"), Ok("webtransport"));
    assert_eq!(about.get::<&str>("path"), Ok(""));
    let second = publisher.viewer();
    assert_eq!(next().1, 2);
    first.record.wait_for_units("video_0", 20);
    second.record.wait_for_units("video_0", 20);
    let stats = sink.property::<gst::Structure>("stats");
    let viewers = stats.get::<gst::Array>("viewers").expect("they are listed");
    assert_eq!(viewers.len(), 2);
    for viewer in viewers.iter() {
        let viewer = viewer.get::<gst::Structure>().expect("it is a structure");
        assert!(
            viewer.get::<u64>("frames").is_ok_and(|frames| frames >= 20),
            "{viewer}"
        );
        // The catalog and the video.
        assert_eq!(viewer.get::<u32>("subscriptions"), Ok(2), "{viewer}");
    }
    drop(first);
    let (signal, id, about) = next();
    assert_eq!((signal, id), ("viewer-removed", 1));
    assert!(
        about.get::<u64>("bytes").is_ok_and(|bytes| bytes > 1000),
        "{about}"
    );
    assert!(events.recv_timeout(Duration::ZERO).is_err());
    // Who is there when the element stops leaves with it, and is told of when that is done.
    publisher.pipeline.set_state(gst::State::Null);
    let (signal, id, about) = events.recv_timeout(Duration::ZERO).expect("it was told");
    assert_eq!((signal, id), ("viewer-removed", 2));
    assert!(about.get::<u64>("bytes").is_ok_and(|bytes| bytes > 1000));
    assert!(events.recv_timeout(Duration::ZERO).is_err());
}

#[test]
fn sessions_beyond_the_limit_are_refused_and_reported() {
    let publisher = Publisher::new(&live_video(&format!("{LISTEN} max-sessions-per-address=1")));
    publisher.play();
    let first = publisher.viewer();
    first.record.wait_for_units("video_0", 5);
    let _second = publisher.viewer();
    let warning = publisher.pipeline.message(&[gst::MessageType::Warning]);
    let warning = warning.expect("it is reported");
    let gst::MessageView::Warning(warning) = warning.view() else {
        unreachable!("only warnings were asked for")
    };
    assert_eq!(
        warning.error().message(),
        "A session from 127.0.0.1 was refused: max-sessions-per-address is 1, and as many are open"
    );
    let so_far = first.record.track("video_0").units.len();
    first.record.wait_for_units("video_0", so_far + 10);
}
