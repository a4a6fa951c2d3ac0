//! Plays a broadcast in an application of one's own: pads and messages.
//!
//!     GST_PLUGIN_PATH=target/release cargo run --example viewer 'moq://relay.example.com/demo/cam'
//!
//! Two more arguments replace the sinks for the picture and for the sound.

use std::{collections::HashMap, env, error::Error, process::ExitCode, sync::Mutex};

use gst::{MessageView, prelude::*};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let uri = arguments
        .next()
        .ok_or("which broadcast? moq://HOST/PATH/NAME")?;
    let mut sink = |usual: &str| arguments.next().unwrap_or_else(|| usual.to_owned());
    let sinks = HashMap::from([
        ("video", sink("autovideosink")),
        ("audio", sink("autoaudiosink")),
    ]);

    gst::init()?;
    let pipeline = gst::Pipeline::new();
    let source = gst::Element::make_from_uri(gst::URIType::Src, &uri, None)?;
    pipeline.add(&source)?;
    let (weak, sinks) = (pipeline.downgrade(), Mutex::new(sinks));
    source.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().map(|caps| caps.to_string());
        println!("pad: {} {}", pad.name(), caps.unwrap_or_default());
        let name = pad.name();
        let kind = name.split('_').next().unwrap_or_default();
        // The first of each kind. Whatever stays unlinked costs no bandwidth.
        let sink = sinks.lock().ok().and_then(|mut sinks| sinks.remove(kind));
        if let (Some(pipeline), Some(sink)) = (weak.upgrade(), sink)
            && let Err(error) = play(&pipeline, pad, &sink)
        {
            eprintln!("error: {error}");
        }
    });
    source.connect_pad_removed(|_, pad| println!("gone: {}", pad.name()));
    source.connect_no_more_pads(|_| println!("no more pads"));

    pipeline.set_state(gst::State::Playing)?;
    let code = follow(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    Ok(code)
}

/// Called from a thread of the source.
fn play(pipeline: &gst::Pipeline, pad: &gst::Pad, sink: &str) -> Result<(), Box<dyn Error>> {
    let convert = match pad.name().starts_with("video") {
        true => "videoconvert",
        false => "audioconvert ! audioresample",
    };
    let text = format!("queue name=input ! decodebin ! {convert} ! {sink}");
    let branch = gst::parse::bin_from_description(&text, false)?;
    // Of the pads that are not linked yet it is this one: decodebin links its own when it knows what it decodes.
    let queue = branch.by_name("input").ok_or("there is no queue")?;
    let input = queue.static_pad("sink").ok_or("a queue has an input")?;
    let input = gst::GhostPad::with_target(&input)?;
    branch.add_pad(&input)?;
    pipeline.add(&branch)?;
    branch.sync_state_with_parent()?;
    pad.link(&input)?;
    Ok(())
}

/// Says what is told, until the end.
fn follow(pipeline: &gst::Pipeline) -> ExitCode {
    let bus = pipeline.bus().expect("a pipeline has a bus");
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            MessageView::Progress(progress) => println!("{}", progress.get().2),
            MessageView::Warning(warning) => println!("warning: {}", warning.error().message()),
            MessageView::Error(error) => {
                eprintln!("error: {}", error.error().message());
                return ExitCode::FAILURE;
            }
            MessageView::Eos(_) => {
                println!("the broadcast has ended");
                break;
            }
            MessageView::Latency(_) => {
                let _ = pipeline.recalculate_latency();
            }
            MessageView::StreamCollection(message) => {
                for stream in message.stream_collection().iter() {
                    let id = stream.stream_id().unwrap_or_default();
                    let track = id.rsplit('/').next().unwrap_or_default();
                    let caps = stream.caps().map(|caps| caps.to_string());
                    println!("stream: {track} {}", caps.unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    ExitCode::SUCCESS
}
