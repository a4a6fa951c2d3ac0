//! What each viewer costs: CPU and memory of a moqsink that listens, next to moq-relay, fed by the same stream at the same time.
//!
//! The viewers are the library's own clients, in this process, so that they cost both sides the same. What is told of a
//! number of viewers is the difference to none: encoding and feeding the relay go on all the time.
//!
//! One run on two cores that others used too (load 4.7), 640 × 360 at 30 frames/s, all of which every viewer got:
//!
//! | viewers | moqsink: CPU, memory of each | moq-relay 0.17.10 |
//! |---|---|---|
//! | 1 | 1.00 %, 856 KiB | 2.00 %, 3428 KiB |
//! | 10 | 0.14 %, 500 KiB | 0.40 %, 1230 KiB |
//! | 50 | 0.11 %, 462 KiB | 0.26 %, 788 KiB |

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
