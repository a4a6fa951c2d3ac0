//! What each viewer costs: CPU and memory of a moqsink that listens, next to moq-relay, fed by the same stream at the same time.
//!
//! The viewers are the library's own clients, in this process, so that they cost both sides the same. What is told of a
//! number of viewers is the difference to none: encoding and feeding the relay go on all the time.
//!
//! Orientation: two runs in release on two cores that others used too (load 1.7 to 2.7), 640 × 360 at 30 frames/s, all of
//! which every viewer got. Of what moq-relay 0.17.10 used beside it for each viewer, moqsink used
//!
//! | viewers | CPU | memory |
//! |---|---|---|
//! | 10 | 0.13 and 0.34 (0.10 and 0.28 % against 0.80 and 0.82 %) | 0.39 (500 and 518 KiB against 1271 and 1312) |
//! | 50 | 0.44 and 0.34 (0.21 and 0.18 % against 0.48 and 0.53 %) | 0.50 (452 and 453 KiB against 897 and 902) |
//!
//! For a single viewer the difference to none, 0.2 % and less of a core, is within what the measure itself varies by.

mod process;
mod viewers;

use std::{env, thread, time::Duration};

use process::{Publisher, Relay, Usage};

fn main() {
    let arguments: Vec<usize> = env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let counts = if arguments.is_empty() {
        vec![1, 10, 50]
    } else {
        arguments
    };
    let relay = Relay::start();
    let publisher = Publisher::start(&relay);
    let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
    let pids = [publisher.pid(), relay.pid()];
    let ports = [publisher.port, relay.port];
    // Caches fill, the encoder settles.
    thread::sleep(SETTLE);
    let before = pids.map(|pid| Usage::over(pid, MEASURE));
    println!(
        "{:>8}  {:<10} {:>14} {:>16} {:>12}",
        "viewers", "", "CPU/viewer", "memory/viewer", "frames/s"
    );
    for count in counts {
        for (index, name) in ["moqsink", "moq-relay"].into_iter().enumerate() {
            let path = if index == 0 { "" } else { "anon" };
            let url = format!("https://127.0.0.1:{}/{path}", ports[index]);
            let audience = runtime.block_on(viewers::Audience::gather(&url, count));
            thread::sleep(SETTLE);
            let seen = audience.frames();
            let usage = Usage::over(pids[index], MEASURE);
            let frames = (audience.frames() - seen) as f64 / MEASURE.as_secs_f64();
            let each = |now: f64, before: f64| (now - before) / count as f64;
            println!(
                "{count:>8}  {name:<10} {:>12.2} % {:>12.0} KiB {:>12.1}",
                each(usage.cpu, before[index].cpu) * 100.0,
                each(usage.memory, before[index].memory) / 1024.0,
                frames / count as f64,
            );
            drop(audience);
            thread::sleep(SETTLE);
        }
    }
}

const SETTLE: Duration = Duration::from_secs(2);
const MEASURE: Duration = Duration::from_secs(5);
