//! moqsink and moqsrc through moq-relay, each a gst-launch of its own.

use crate::{
    authority::{TOKEN, authority},
    blocked::TcpOnly,
    program::Program,
    relay::Relay,
};

/// Shows what the viewer gets, a line for each buffer.
fn watch(url: &str) -> Program {
    Program::gst_launch(&format!(
        "moqsrc url={url} broadcast=cam ! h264parse ! avdec_h264 ! fakesink silent=false sync=false"
    ))
}

fn publish(url: &str, buffers: u32) -> Program {
    Program::gst_launch(&format!(
        "videotestsrc is-live=true num-buffers={buffers} ! video/x-raw,format=I420 \
         ! x264enc tune=zerolatency key-int-max=30 ! moqsink url={url} broadcast=cam"
    ))
}

#[track_caller]
fn shows_pictures(viewer: &mut Program) {
    for _ in 0..30 {
        viewer.wait_for("chain");
    }
}

#[track_caller]
fn plays_to_the_end(program: Program) {
    let log = program.ends_well();
    let ended = log.iter().any(|line| line.contains("Got EOS"));
    assert!(ended, "{}", log.join("\n"));
}

#[test]
fn a_picture_goes_through_the_relay_in_both_orders_and_ends_in_order() {
    let mut relay = Relay::start();
    let mut early = watch(&relay.url());
    early.wait_for("Waiting for the broadcast");
    let publisher = publish(&relay.url(), 150);
    shows_pictures(&mut early);
    let mut late = watch(&relay.url());
    shows_pictures(&mut late);
    relay.wait_for_log("negotiated version=moq-lite-0");
    plays_to_the_end(publisher);
    plays_to_the_end(early);
    plays_to_the_end(late);
}

#[test]
fn a_publisher_that_is_killed_may_come_back() {
    let relay = Relay::start();
    let mut viewer = watch(&relay.url());
    let mut publisher = publish(&relay.url(), 3_000);
    publisher.wait_for("Connected to");
    shows_pictures(&mut viewer);
    drop(publisher);
    let _publisher = publish(&relay.url(), 3_000);
    viewer.wait_for("broke off");
    shows_pictures(&mut viewer);
}

#[test]
fn a_relay_that_is_restarted_is_found_again_by_both() {
    let relay = Relay::start();
    let (port, url) = (relay.port, relay.url());
    let mut viewer = watch(&url);
    let _publisher = publish(&url, 3_000);
    shows_pictures(&mut viewer);
    drop(relay);
    let _relay = Relay::start_at(port);
    viewer.wait_for("Connecting again");
    shows_pictures(&mut viewer);
}

#[test]
fn a_relay_that_is_killed_again_and_again_is_found_each_time() {
    let mut relay = Relay::start();
    let (port, url) = (relay.port, relay.url());
    let mut publisher = publish(&url, 3_000);
    let mut viewer = watch(&url);
    shows_pictures(&mut viewer);
    for _ in 0..3 {
        drop(relay);
        relay = Relay::start_at(port);
        publisher.wait_for("Connected to");
        viewer.wait_for("Connecting again");
        shows_pictures(&mut viewer);
    }
}

#[test]
fn a_picture_goes_through_the_relay_where_udp_is_blocked() {
    let mut relay = Relay::start();
    let blocked = TcpOnly::to(relay.port);
    let mut viewer = watch(&blocked.url());
    viewer.wait_for("Waiting for the broadcast");
    let publisher = publish(&blocked.url(), 90);
    shows_pictures(&mut viewer);
    relay.wait_for_log(" ws{id=1 ");
    plays_to_the_end(publisher);
    plays_to_the_end(viewer);
}

#[test]
fn a_token_goes_along_over_either_binding_and_into_no_log() {
    let relay = Relay::start_asking(&authority());
    let url = |scheme| format!("{scheme}://127.0.0.1:{}/room", relay.port);
    let arguments = |scheme, token| {
        let url = url(scheme);
        format!("{url} tls-disable-verify=true auth-token={token} --gst-debug=moq*:9")
    };
    for scheme in ["moqt", "https"] {
        let mut viewer = watch(&arguments(scheme, TOKEN));
        let mut publisher = publish(&arguments(scheme, TOKEN), 60);
        shows_pictures(&mut viewer);
        publisher.wait_for("Got EOS");
        for log in [viewer.end().1, publisher.end().1] {
            let log = log.join("\n");
            assert!(log.contains("DEBUG"), "{log}");
            assert!(!log.contains(TOKEN), "{log}");
        }
        let wrong = arguments(scheme, "wrong.token");
        for refused in [watch(&wrong), publish(&wrong, 3_000)] {
            let log = refused.end().1.join("\n");
            assert!(
                log.contains(
                    "The server does not allow this: check the path of url, broadcast and auth-token (it may have expired)"
                ),
                "{log}"
            );
            assert!(!log.contains("wrong.token"), "{log}");
        }
    }
}
