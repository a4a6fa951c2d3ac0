//! The page to watch.

use crate::{
    chromium::Page,
    fixture::{H264, PICTURE, Publisher, TONE, Watched, report},
    relay::Relay,
};

/// What a sink does here.
const LISTEN: &str = "moqsink name=sink listen=127.0.0.1:0 broadcast=cam";

const AAC: &str = "avenc_aac ! aacparse";

const VP8: &str = "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate=1500000";

/// Unlike vp8enc it looks 25 frames ahead by default.
const VP9: &str = "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 keyframe-max-dist=30 target-bitrate=1500000 ! vp9parse";

const AV1: &str =
    "av1enc usage-profile=realtime cpu-used=10 keyframe-max-dist=30 target-bitrate=1500 ! av1parse";

/// Publishes with these encoders in this container, and sees and hears it in the page: from the sink itself, and through a
/// relay.
fn plays(name: &str, video: &str, audio: &str, container: &str) {
    let relay = Relay::start();
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! {video} ! {LISTEN} url={} container={container} {TONE} ! {audio} ! sink.",
        relay.url()
    ));
    let elsewhere = format!("?url={}&broadcast=cam", relay.url());
    let [direct, relayed] = ["", &elsewhere].map(|query| {
        let watched = Watched::open(&format!("{}{query}", publisher.url()));
        // Over the beginning of a group at least: there are 30 pictures in each.
        let latency = watched.sees(45);
        watched.hears();
        assert_eq!(watched.containers(), [container, container], "{name}");
        latency
    });
    report(&format!(
        "{name}: from glass to glass {direct} ms direct, {relayed} ms through the relay (medians)"
    ));
}

#[test]
fn h264_and_opus_play_in_chromium() {
    plays("H.264 and Opus", H264, "opusenc", "legacy");
}

#[test]
fn fragments_that_are_passed_on_play_in_chromium() {
    let muxer = "mp4mux fragment-duration=100";
    let video = format!("{H264} ! h264parse ! {muxer}");
    plays("Fragments", &video, &format!("{AAC} ! {muxer}"), "cmaf");
}

#[test]
fn h264_and_aac_play_in_chromium() {
    plays("H.264 and AAC", H264, AAC, "legacy");
}

#[test]
fn h264_and_aac_play_in_fragments() {
    plays("H.264 and AAC in CMAF", H264, AAC, "cmaf");
}

#[test]
fn h264_and_opus_play_in_fragments() {
    plays("H.264 and Opus in CMAF", H264, "opusenc", "cmaf");
}

#[test]
fn h264_and_opus_play_in_low_overhead_containers() {
    plays("H.264 and Opus in LOC", H264, "opusenc", "loc");
}

#[test]
fn a_still_picture_and_silence_are_told_from_a_live_one() {
    let publisher = Publisher::start(&format!(
        "videotestsrc is-live=true pattern=black ! video/x-raw,width=640,height=360,framerate=30/1 ! {H264} ! {LISTEN} \
         audiotestsrc is-live=true wave=silence ! audio/x-raw,rate=48000,channels=2 ! opusenc ! sink."
    ));
    let watched = Watched::open(&publisher.url());
    // The player shows frame after frame, and the clock is in none of them.
    watched.page.until("probe.samples >= 60 && probe.tone()");
    assert_eq!(watched.page.evaluate("probe.frames.length"), 0);
    assert_eq!(
        watched.page.evaluate("probe.unreadable === probe.samples"),
        true
    );
    assert_eq!(watched.page.evaluate("probe.tone().level > -60"), false);
}

#[test]
fn a_relay_brings_the_same_picture_to_the_same_page() {
    let relay = Relay::start();
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! {H264} ! moqsink name=sink listen=127.0.0.1:0 url={} broadcast=cam {TONE} ! opusenc ! sink.",
        relay.url()
    ));
    let direct = Watched::open(&publisher.url());
    let through = Watched::open(&format!(
        "{}?url={}&broadcast=cam",
        publisher.url(),
        relay.url()
    ));
    let (direct, through) = (direct.sees(30), {
        through
            .page
            .until("document.querySelector('moq-watch').connection.established.peek()?.transport === 'webtransport'");
        through.hears();
        through.sees(30)
    });
    report(&format!(
        "glass to glass, median: {direct} ms direct, {through} ms through the relay"
    ));
}

#[test]
fn a_publisher_that_comes_back_is_seen_again() {
    let line = |sink: &str| format!("{PICTURE} ! {H264} ! {sink} {TONE} ! opusenc ! sink.");
    let publisher = Publisher::start(&line(LISTEN));
    let port = publisher.port();
    let watched = Watched::open(&publisher.url());
    watched.sees(15);
    drop(publisher);
    watched.waits();
    let sink = LISTEN.replace(":0", &format!(":{port}"));
    let publisher = Publisher::start(&line(&sink));
    watched.sees(15);
    watched.hears();
    drop(publisher);
}

#[test]
fn the_page_switches_between_renditions() {
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! tee name=t t. ! queue ! {H264} ! {LISTEN} \
         t. ! queue ! videoscale ! video/x-raw,width=320,height=180 ! {H264} ! sink."
    ));
    let watched = Watched::open(&publisher.url());
    watched
        .page
        .until("document.getElementById('rendition').options.length === 3");
    for width in [320, 640, 320] {
        let name = watched.page.evaluate(&format!(
            "Object.entries(document.querySelector('moq-watch').video.source.out.available.peek()) \
             .find(([, config]) => config.codedWidth === {width})[0]"
        ));
        let name = name.as_str().expect("a rendition has a name");
        watched.page.select("#rendition", name);
        watched.page.until(&format!("probe.width === {width}"));
        watched.sees(15);
    }
}

#[test]
fn the_page_looks_good_on_a_desk_and_on_a_phone() {
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! {H264} ! {LISTEN} {TONE} ! opusenc ! sink."
    ));
    for (name, width, height) in [
        ("watch-desk", 1280, 800),
        ("watch-phone", 390, 844),
        ("watch-small-phone", 360, 640),
    ] {
        let watched = Watched::of(Page::open_sized(&publisher.url(), width, height));
        watched.sees(30);
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(watched.page.evaluate(fits), true, "{name} is too wide");
        watched
            .page
            .until("!document.getElementById('bitrate').textContent.startsWith('–')");
        // What belongs to the picture stands in one row below it.
        let spread = "(() => { const middles = [...document.querySelector('.controls').children] \
             .filter((item) => item.offsetHeight > 0).map((item) => item.offsetTop + item.offsetHeight / 2); \
             return Math.max(...middles) - Math.min(...middles); })()";
        let spread = watched.page.evaluate(spread);
        assert!(
            spread.as_f64().is_some_and(|pixels| pixels < 8.0),
            "{name} wraps: {spread}"
        );
        watched.page.screenshot(name);
    }
}

#[test]
fn vp8_plays_in_chromium() {
    plays("VP8 and Opus", VP8, "opusenc", "legacy");
}

#[test]
fn vp9_plays_in_chromium() {
    plays("VP9 and Opus", VP9, "opusenc", "legacy");
}

#[test]
fn av1_plays_in_chromium() {
    plays("AV1 and Opus", AV1, "opusenc", "legacy");
}

#[test]
fn vp9_and_av1_play_in_fragments() {
    plays("VP9 and Opus in CMAF", VP9, "opusenc", "cmaf");
    plays("AV1 and Opus in CMAF", AV1, "opusenc", "cmaf");
}

#[test]
fn vp8_plays_in_fragments_and_everything_in_low_overhead_containers() {
    plays("VP8 and Opus in CMAF", VP8, "opusenc", "cmaf");
    plays("VP8 and AAC in LOC", VP8, AAC, "loc");
    plays("VP9 and Opus in LOC", VP9, "opusenc", "loc");
    plays("AV1 and Opus in LOC", AV1, "opusenc", "loc");
}

#[test]
fn the_delay_on_the_page_is_the_age_of_the_picture() {
    let publisher = Publisher::start(&format!("{PICTURE} ! {H264} ! {LISTEN} wall-clock=system"));
    let watched = Watched::open(&publisher.url());
    watched.sees(30);
    watched
        .page
        .until("document.getElementById('delay-name').lastChild.textContent === 'Delay'");
    // What the catalog says of when each picture was taken, against the clock in it.
    let mut errors = watched.clock_errors();
    errors.sort_unstable();
    let median = errors[errors.len() / 2];
    report(&format!("the catalog's clock is {median} ms off (median)"));
    assert!(median.abs() < 60, "{errors:?}");

    // What the page shows, against the ages of the pictures around it.
    watched.page.evaluate("probe.watchNumber()");
    watched.page.until("probe.shown.length >= 4");
    let shown = watched.page.evaluate("probe.shown");
    let mut differences = Vec::new();
    for moment in shown.as_array().expect("it is a list") {
        let number = |name: &str| moment[name].as_f64().expect("it is a number");
        let text = moment["text"].as_str().expect("it is a text");
        let shown: f64 = match text.split_once(' ').expect("a number and its unit") {
            (number, "ms") => number.parse().expect("it is a number"),
            (number, _) => number.parse::<f64>().expect("it is a number") * 1000.0,
        };
        differences.push((shown - number("age")).abs());
    }
    differences.sort_by(f64::total_cmp);
    report(&format!(
        "the delay on the page is off by {differences:.0?} ms: {shown}"
    ));
    // Where the machine has no time the ages of two pictures differ by more; half of the numbers have to be right.
    assert!(differences[(differences.len() - 1) / 2] < 75.0, "{shown}");
}

#[test]
fn every_control_of_the_page_does_what_it_says() {
    let publisher = Publisher::start(&format!(
        "{PICTURE} ! {H264} ! {LISTEN} wall-clock=system {TONE} ! opusenc ! sink."
    ));
    let watched = Watched::open(&publisher.url());
    let page = &watched.page;
    watched.sees(15);
    watched.hears();

    // The list, and its only entry, which is played when it is clicked too.
    page.until("document.querySelector('#broadcasts button').textContent === 'cam'");
    page.evaluate("document.querySelector('moq-watch').name = ''");
    page.until("document.getElementById('stage').dataset.state !== 'playing'");
    page.click("#broadcasts button");
    page.until("document.getElementById('stage').dataset.state === 'playing'");
    watched.sees(15);
    page.until("document.querySelector('#broadcasts button').ariaCurrent === 'true'");

    page.until("document.getElementById('volume').value === '1'");

    // Quiet, and loud again.
    page.click("#mute");
    page.until("probe.tone().level < -90");
    page.click("#mute");
    watched.hears();

    // The whole screen, which only a tab in front gets.
    page.evaluate(
        "document.getElementById('stage').requestFullscreen = function () { window.whole = this.id; }",
    );
    page.click("#fullscreen");
    assert_eq!(page.evaluate("whole"), "stage");

    // More delay makes an older picture, less a newer one.
    let shortest = watched.sees(30);
    page.select("#latency", "1000");
    page.until("probe.frames.at(-1).age > 700");
    page.select("#latency", "real-time");
    page.until(&format!("probe.frames.at(-1).age < {}", shortest + 300.0));

    // Numbers and a graph of both of them.
    page.until("/^[0-9.]+ [kM]bit\\/s$/.test(document.getElementById('bitrate').textContent)");
    page.until("/^[0-9.]+ m?s$/.test(document.getElementById('delay').textContent)");
    page.until(
        "/^640×360 · (2[5-9]|3[0-5]) fps$/.test(document.getElementById('picture').textContent)",
    );
    page.until("document.getElementById('version').textContent.startsWith('moq-lite-')");
    page.until(GRAPH);
}

/// Whether the graph has a line of each colour, of more than one height or length.
const GRAPH: &str = "(() => {
    const canvas = document.getElementById('graph');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const count = (r, g, b) => {
        let found = 0;
        for (let at = 0; at < data.length; at += 4)
            if (Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 30 && data[at + 3] > 200) found++;
        return found;
    };
    return count(0xff, 0xb4, 0x54) > 5 && count(0x5c, 0xc8, 0xff) > 5;
})()";
