//! Latency and CPU time of moqsink to moqsrc, next to RTP over UDP and to a bare QUIC stream.
//!
//! The same pre-encoded frames (H.264, 720p30, 4 Mbit/s) go through each in turn,
//! publisher and viewer each a process of its own. Latency is the time from a
//! frame's arrival at the sink pad of `moqsink` (or of `rtph264pay ! udpsink`) to
//! its arrival behind the source pad of `moqsrc` (or of `udpsrc ! rtph264depay`),
//! on one monotonic clock. CPU is user and system time of the whole process.
//!
//! RTP sends from the thread that has the frame and hands it on in the thread that
//! receives. QUIC, which has to answer its peer at any time, has threads of its
//! own; waking them is most of the difference, and [`quic`] shows how much.
//!
//! `cargo bench --bench latency [-- --rounds N --seconds N]`; the elements must be
//! found, for example by `GST_PLUGIN_PATH=target/release`.

use std::{
    collections::HashMap,
    error::Error,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Read, Write},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstmoq::media::h264::{self, Format};

mod quic;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CAPS: &str =
    "video/x-h264,stream-format=byte-stream,alignment=au,width=1280,height=720,framerate=30/1";
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Left out at the start of each run, while the viewer joins.
const WARM_UP: usize = 45;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    gst::init()?;
    match args[..] {
        ["publisher", transport, port, file] => publisher(transport, port, Path::new(file)),
        ["viewer", "quic", port, file] => quic_viewer(port.parse()?, Path::new(file)),
        ["viewer", transport, port, _] => viewer(transport, port),
        _ => compare(
            option(&args, "--rounds", 3)?,
            option(&args, "--seconds", 10)?,
        ),
    }
}

fn option(args: &[&str], name: &str, default: usize) -> Result<usize> {
    match args.iter().position(|arg| *arg == name) {
        Some(index) => Ok(args
            .get(index + 1)
            .ok_or("the option wants a number")?
            .parse()?),
        None => Ok(default),
    }
}

/// One run over one transport.
struct Run {
    /// Sorted, in milliseconds.
    latency: Vec<f64>,
    sent: usize,
    publisher_cpu: f64,
    viewer_cpu: f64,
}

impl Run {
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latency.len().saturating_sub(1)) * percent / 100;
        self.latency.get(index).copied().unwrap_or(f64::NAN)
    }
}

fn compare(rounds: usize, seconds: usize) -> Result<()> {
    let file = encode(WARM_UP + seconds * 30)?;
    println!("720p30, 4 Mbit/s, {seconds} s a run, {rounds} rounds; times in ms, CPU in s");
    println!(
        "{:10} {:>9} {:>7} {:>7} {:>7} {:>10} {:>8}",
        "transport", "frames", "p50", "p95", "p99", "publisher", "viewer"
    );
    quic::certify(&file)?;
    let mut medians = Vec::new();
    for _ in 0..rounds {
        let mut median = HashMap::new();
        for transport in ["rtp", "quic", "moq"] {
            let run = measure(transport, &file)?;
            println!(
                "{transport:10} {:>9} {:>7.3} {:>7.3} {:>7.3} {:>10.2} {:>8.2}",
                format!("{}/{}", run.latency.len(), run.sent),
                run.percentile(50),
                run.percentile(95),
                run.percentile(99),
                run.publisher_cpu,
                run.viewer_cpu,
            );
            median.insert(transport, run.percentile(50));
        }
        medians.push(median);
    }
    quic::forget(&file)?;
    fs::remove_file(file)?;
    for (one, other) in [("moq", "rtp"), ("moq", "quic"), ("quic", "rtp")] {
        let mut ratios: Vec<f64> = medians
            .iter()
            .map(|median| median[one] / median[other])
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "p50 of {one} / p50 of {other}: median {:.2}, from {:.2} to {:.2}",
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
    Ok(())
}

fn measure(transport: &str, file: &Path) -> Result<Run> {
    let port = UdpSocket::bind("127.0.0.1:0")?
        .local_addr()?
        .port()
        .to_string();
    let file = file
        .to_str()
        .ok_or("the temporary folder has an odd name")?;
    // Whoever listens starts first and says when it is there.
    let (mut publisher, mut viewer);
    if transport == "rtp" {
        viewer = Process::start(&["viewer", transport, &port, file])?;
        viewer.ready()?;
        publisher = Process::start(&["publisher", transport, &port, file])?;
        publisher.ready()?;
    } else {
        publisher = Process::start(&["publisher", transport, &port, file])?;
        publisher.ready()?;
        viewer = Process::start(&["viewer", transport, &port, file])?;
        viewer.ready()?;
    }
    publisher.go()?;
    let (sent, publisher_cpu) = publisher.report()?;
    // The last frame is still on its way.
    std::thread::sleep(Duration::from_millis(300));
    viewer.go()?;
    let (got, viewer_cpu) = viewer.report()?;
    let got: HashMap<u64, u64> = got.into_iter().collect();
    let measured = &sent[WARM_UP.min(sent.len())..];
    let mut latency: Vec<f64> = measured
        .iter()
        .filter_map(|(frame, sent)| Some(got.get(frame)?.saturating_sub(*sent) as f64 / 1e6))
        .collect();
    latency.sort_by(f64::total_cmp);
    Ok(Run {
        latency,
        sent: measured.len(),
        publisher_cpu,
        viewer_cpu,
    })
}

/// A child that says `ready`, waits for a line, and at its end prints what it saw.
struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(args: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("stdout is piped")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    fn ready(&mut self) -> Result<()> {
        match self.lines.next() {
            Some(Ok(line)) if line == "ready" => Ok(()),
            other => Err(format!("a process did not start: {other:?}").into()),
        }
    }

    fn go(&mut self) -> Result<()> {
        let stdin = self.child.stdin.as_mut().ok_or("stdin is piped")?;
        Ok(stdin.write_all(b"go\n")?)
    }

    fn report(&mut self) -> Result<(Vec<(u64, u64)>, f64)> {
        let mut frames = Vec::new();
        for line in self.lines.by_ref() {
            let line = line?;
            match line.split_once(' ').ok_or("an odd line")? {
                ("cpu", seconds) => return Ok((frames, seconds.parse()?)),
                (frame, time) => frames.push((frame.parse()?, time.parse()?)),
            }
        }
        Err("a process ended without a report".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the parent that this side is there, then waits for its word.
fn ready() -> Result<()> {
    println!("ready");
    wait()
}

fn wait() -> Result<()> {
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn report(frames: &[(u64, u64)]) -> Result<()> {
    let mut text = String::new();
    for (frame, time) in frames {
        text += &format!("{frame} {time}\n");
    }
    println!("{text}cpu {}", cpu_seconds()?);
    Ok(())
}

fn publisher(transport: &str, port: &str, file: &Path) -> Result<()> {
    let frames = read_frames(file)?;
    let mut sent = Vec::with_capacity(frames.len());
    let (mut push, end) = match transport {
        "quic" => quic_input(port.parse()?, file)?,
        _ => element_input(transport, port)?,
    };
    let mut push = |index: usize, frame: &[u8]| {
        let (name, frame) = (identify(frame), frame.to_vec());
        sent.push((name, now()));
        push(index, frame)
    };
    // The first frame completes the description of the stream, for who joins now.
    push(0, &frames[0])?;
    ready()?;
    let start = Instant::now();
    for (index, frame) in frames.iter().enumerate().skip(1) {
        let due = start + FRAME * index as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        push(index, frame)?;
    }
    report(&sent)?;
    wait()?;
    end()
}

/// Takes the frame of a number.
type Push = Box<dyn FnMut(usize, Vec<u8>) -> Result<()>>;
type End = Box<dyn FnOnce() -> Result<()>>;

fn quic_input(port: u16, file: &Path) -> Result<(Push, End)> {
    let frames = quic::publish(port, file)?;
    let push: Push = Box::new(move |_, frame| Ok(frames.send(frame.into())?));
    Ok((push, Box::new(|| Ok(()))))
}

fn element_input(transport: &str, port: &str) -> Result<(Push, End)> {
    let sink = match transport {
        "rtp" => format!(
            "rtph264pay aggregate-mode=zero-latency config-interval=-1 mtu=1200 ! udpsink host=127.0.0.1 port={port} sync=false"
        ),
        _ => format!("moqsink name=sink listen=127.0.0.1:{port} broadcast=bench sync=false"),
    };
    // The identity only gives the pad at which frames are stamped.
    let pipeline = gst::parse::launch(&format!("identity name=in silent=true ! {CAPS} ! {sink}"))?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline")?;
    let input = pipeline
        .by_name("in")
        .and_then(|element| element.static_pad("sink"))
        .ok_or("no input")?;
    pipeline.set_state(gst::State::Playing)?;

    let source = gst::Pad::builder(gst::PadDirection::Src)
        .name("frames")
        .build();
    source.set_active(true)?;
    // Not in the pipeline's hierarchy, so linked without that check.
    source.link_full(&input, gst::PadLinkCheck::empty())?;
    source.push_event(gst::event::StreamStart::new("bench"));
    source.push_event(gst::event::Caps::new(&CAPS.parse::<gst::Caps>()?));
    source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<
        gst::ClockTime,
    >::new()));

    let push: Push = Box::new(move |index, frame| {
        let mut buffer = gst::Buffer::from_slice(frame);
        let time = FRAME * index as u32;
        {
            let buffer = buffer.get_mut().ok_or("the buffer is new")?;
            buffer.set_pts(gst::ClockTime::try_from(time)?);
            if !index.is_multiple_of(60) {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        source.push(buffer)?;
        Ok(())
    });
    let end: End = Box::new(move || {
        pipeline.set_state(gst::State::Null)?;
        Ok(())
    });
    Ok((push, end))
}

fn quic_viewer(port: u16, file: &Path) -> Result<()> {
    let frames = quic::view(port, file)?;
    let got = Arc::new(Mutex::new(Vec::new()));
    let seen = got.clone();
    std::thread::spawn(move || {
        for frame in frames {
            let time = now();
            seen.lock()
                .expect("nobody panics with it")
                .push((identify(&frame), time));
        }
    });
    ready()?;
    report(&got.lock().expect("nobody panics with it"))
}

fn viewer(transport: &str, port: &str) -> Result<()> {
    let source = match transport {
        "rtp" => format!(
            "udpsrc address=127.0.0.1 port={port} caps=\"application/x-rtp,media=video,clock-rate=90000,encoding-name=H264\" \
             ! rtph264depay ! {CAPS_ANY}"
        ),
        _ => format!("moqsrc url=http://127.0.0.1:{port}/ broadcast=bench"),
    };
    let pipeline = gst::parse::launch(&format!(
        "{source} ! fakesink name=out sync=false async=false"
    ))?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline")?;
    let output = pipeline
        .by_name("out")
        .and_then(|element| element.static_pad("sink"))
        .ok_or("no output")?;
    let got = Arc::new(Mutex::new(Vec::new()));
    let seen = got.clone();
    output.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let time = now();
        if let Some(map) = info.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            seen.lock()
                .expect("nobody panics with it")
                .push((identify(&map), time));
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing)?;
    ready()?;
    pipeline.set_state(gst::State::Null)?;
    report(&got.lock().expect("nobody panics with it"))
}

const CAPS_ANY: &str = "video/x-h264,stream-format=byte-stream,alignment=au";

/// A frame by its slices, which no payloader or container changes.
fn identify(frame: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for unit in h264::nal_units(frame, Format::ByteStream) {
        if matches!(h264::kind(unit), 1 | 5) {
            unit.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Nanoseconds on a clock that all processes of the machine share.
fn now() -> u64 {
    gst::get_timestamp().nseconds()
}

fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').ok_or("an odd /proc/self/stat")?.1;
    let ticks = |index: usize| -> Result<f64> {
        Ok(fields
            .split_whitespace()
            .nth(index)
            .ok_or("an odd /proc/self/stat")?
            .parse()?)
    };
    // Linux counts in hundredths of a second.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Encodes moving pictures into a file: for each frame its size and its bytes.
fn encode(frames: usize) -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("gstmoq-bench-{}.h264", std::process::id()));
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers={frames} pattern=smpte ! video/x-raw,width=1280,height=720,framerate=30/1 \
         ! timeoverlay ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max=60 \
         ! h264parse config-interval=-1 ! {CAPS_ANY} ! fakesink name=out sync=false"
    ))?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline")?;
    let output = pipeline
        .by_name("out")
        .and_then(|element| element.static_pad("sink"))
        .ok_or("no output")?;
    let file = Mutex::new(fs::File::create(&path)?);
    output.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(map) = info.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            let mut file = file.lock().expect("nobody panics with it");
            let size = (map.len() as u32).to_be_bytes();
            file.write_all(&size)
                .and_then(|()| file.write_all(&map))
                .expect("there is room on the disk");
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    let end = bus.timed_pop_filtered(
        gst::ClockTime::from_seconds(120),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null)?;
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(path),
        other => Err(format!("the frames could not be encoded: {other:?}").into()),
    }
}

fn read_frames(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let mut frames = Vec::new();
    let mut size = [0; 4];
    while file.read_exact(&mut size).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        file.read_exact(&mut frame)?;
        frames.push(frame);
    }
    if frames.len() <= WARM_UP {
        return Err("too few frames were encoded".into());
    }
    Ok(frames)
}
