//! The plugin inside an application that has a log of its own.
//!
//! What an application registers holds for its process: each test starts this program again, as the application.
#![cfg(feature = "plugin")]

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use gst::prelude::*;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The application's log: it counts what it hears of the transport.
#[derive(Default)]
struct Log;

static HEARD: AtomicUsize = AtomicUsize::new(0);
static SPANS: AtomicUsize = AtomicUsize::new(0);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1 + SPANS.fetch_add(1, Ordering::Relaxed) as u64)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        assert!(self.enabled(event.metadata()), "{event:?}");
        if event.metadata().target().starts_with("gstmoq::") {
            HEARD.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// When the application gives its process a log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Before it loads the plugin.
    Before,
    /// After that, and before it uses it.
    After,
    Never,
}

/// Plays a picture from moqsink to moqsrc, having registered the plugin twice.
fn application(own: Own) {
    let set = || tracing::subscriber::set_global_default(Log).expect("it is the first");
    if own == Own::Before {
        set();
    }
    gst::init().expect("GStreamer can be started");
    gstmoq::plugin_register_static().expect("the plugin can be registered");
    gstmoq::plugin_register_static().expect("and once more");
    if own == Own::After {
        set();
    }
    let publisher = launch(
        "videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1 \
         ! x264enc tune=zerolatency key-int-max=15 ! moqsink name=sink listen=127.0.0.1:0 broadcast=cam",
    );
    publisher.set_state(gst::State::Playing).expect("it plays");
    let sink = publisher.by_name("sink").expect("it is named");
    let address = sink.property::<Option<String>>("listen-address");
    let viewer = launch(&format!(
        "moqsrc url=http://{}/ broadcast=cam ! h264parse ! avdec_h264 ! fakesink num-buffers=10",
        address.expect("it listens")
    ));
    viewer.set_state(gst::State::Playing).expect("it plays");
    let bus = viewer.bus().expect("a pipeline has a bus");
    let end = [gst::MessageType::Eos, gst::MessageType::Error];
    let limit = gst::ClockTime::try_from(LIMIT).ok();
    let end = bus.timed_pop_filtered(limit, &end);
    assert_eq!(end.expect("an end").type_(), gst::MessageType::Eos);
    for pipeline in [viewer, publisher] {
        pipeline.set_state(gst::State::Null).expect("it stops");
    }
    let heard = HEARD.load(Ordering::Relaxed);
    println!("the application has heard of {heard} events");
}

/// Ends while the sink waits for an answer of a server that gives none.
fn impatient_application() {
    gst::init().expect("GStreamer can be started");
    gstmoq::plugin_register_static().expect("the plugin can be registered");
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it is bound");
    let publisher = launch(&format!(
        "audiotestsrc is-live=true ! opusenc ! moqsink url=moqt://{address}/ broadcast=cam tls-disable-verify=true"
    ));
    publisher.set_state(gst::State::Playing).expect("it plays");
    // The first packet of the handshake.
    silent.set_read_timeout(Some(LIMIT)).expect("a duration");
    silent.recv_from(&mut [0; 2048]).expect("it connects");
    std::process::exit(0);
}

fn launch(description: &str) -> gst::Pipeline {
    let pipeline = gst::parse::launch(description).expect("the description is right");
    let pipeline = pipeline.downcast::<gst::Pipeline>();
    pipeline.expect("several elements make a pipeline")
}

/// What the test of this name says when it runs as the application: its output, and its log.
fn run(test: &str, debug: Option<&str>) -> (Vec<String>, Vec<String>) {
    let mut command = Command::new(std::env::current_exe().expect("it has a name"));
    command.args(["--exact", test, "--nocapture"]);
    command
        .env(ROLE, "application")
        .env("GST_DEBUG_NO_COLOR", "1");
    // As a user has it who has set nothing.
    for variable in ["GST_DEBUG", "GST_DEBUG_FILE", "RUST_LOG"] {
        command.env_remove(variable);
    }
    if let Some(debug) = debug {
        command.env("GST_DEBUG", debug);
    }
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("it runs already");
    let output = lines(process.stdout.take().expect("it is piped"));
    let log = lines(process.stderr.take().expect("it is piped"));
    let Ok(log) = log.recv_timeout(LIMIT * 2) else {
        process.kill().expect("it is ours");
        panic!("it does not end");
    };
    let output = output.recv_timeout(LIMIT).expect("it has ended");
    let status = process.wait().expect("it was started");
    assert!(status.success(), "{output:#?} {log:#?}");
    (output, log)
}

/// All that comes out of a pipe, once it is closed.
fn lines(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<String>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = pipe.read_to_string(&mut text);
        // Nobody listens any more where the test has given up.
        let _ = sender.send(read.map_or_else(
            |error| vec![error.to_string()],
            |_| text.lines().map(str::to_owned).collect(),
        ));
    });
    receiver
}

fn is_application() -> bool {
    std::env::var_os(ROLE).is_some()
}

const ROLE: &str = "GSTMOQ_TEST_ROLE";

/// The longest that an application plays.
const LIMIT: Duration = Duration::from_secs(30);

/// How many events the application has heard of.
fn heard(output: &[String]) -> usize {
    let line = output
        .iter()
        .find_map(|line| line.strip_prefix("the application has heard of "));
    let count = line.and_then(|line| line.split(' ').next());
    count.and_then(|count| count.parse().ok()).expect("it says")
}

/// What GStreamer's log has of the transport.
fn transport(log: &[String]) -> Vec<&String> {
    let is_it = |line: &&String| line.split_whitespace().nth(4) == Some("moq");
    log.iter().filter(is_it).collect()
}

#[test]
fn an_application_without_a_log_hears_nothing_unless_it_asks_gstreamer() {
    if is_application() {
        return application(Own::Never);
    }
    let test = "an_application_without_a_log_hears_nothing_unless_it_asks_gstreamer";
    let (_, log) = run(test, None);
    assert_eq!(log, Vec::<String>::new());
    let (_, log) = run(test, Some("moq:INFO"));
    let lines = transport(&log);
    assert_eq!(lines.len(), log.len(), "{log:#?}");
    let says = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(
        says("listening") && says("connected") && says("accepted"),
        "{log:#?}"
    );
}

#[test]
fn an_application_with_a_log_loads_the_plugin_and_hears_of_the_transport_as_gstreamer_does() {
    if is_application() {
        return application(Own::Before);
    }
    hears_as_gstreamer_does(
        "an_application_with_a_log_loads_the_plugin_and_hears_of_the_transport_as_gstreamer_does",
    );
}

#[test]
fn an_application_may_set_its_log_after_it_has_loaded_the_plugin() {
    if is_application() {
        return application(Own::After);
    }
    hears_as_gstreamer_does("an_application_may_set_its_log_after_it_has_loaded_the_plugin");
}

#[test]
fn an_application_may_end_while_it_connects() {
    if is_application() {
        return impatient_application();
    }
    let (_, log) = run("an_application_may_end_while_it_connects", None);
    assert_eq!(log, Vec::<String>::new());
}

fn hears_as_gstreamer_does(test: &str) {
    let (output, log) = run(test, None);
    assert_eq!(log, Vec::<String>::new());
    assert!(heard(&output) >= 3, "{output:#?}");
    let (output, log) = run(test, Some("moq:INFO"));
    let lines = transport(&log);
    assert!(lines.len() >= 3, "{log:#?}");
    // What is not only of the runtime's threads is in the application's alone.
    assert!(heard(&output) >= lines.len(), "{output:#?} {log:#?}");
}
