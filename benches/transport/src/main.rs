//! The transport next to moq-lite 0.12.0 and moq-net 0.3.18, all in one run.
//!
//! Every number is measured in several rounds, the implementations in turn, so that what else the machine does hits all of
//! them. Printed are the median, the least and the greatest of the rounds; `ours/…` is the median of the ratios of each round.
//! Times are of this machine and this run: only the ratios mean something elsewhere.
//!
//! The floor is the least that a model costs that shares payload without a copy and behind a lock: a list of times and handles.
//!
//! What the numbers say, and where the aim (half of both) is not reached:
//!
//! - Retained bytes are what a group adds to a payload that exists: all three keep a handle to the bytes (32 bytes) and a time
//!   (8 bytes; 0.12.0 has none), so they can be compared. Ours is these two and nothing else, the floor, 7 % of 0.12.0 and 83 %
//!   of moq-net. Half of moq-net, 24.6 bytes, is less than the handle alone: it would take a copy of every payload into a
//!   buffer that frames share. A frame in several pieces costs one allocation more.
//! - A read takes the lock of the group and another handle to the bytes, two atomic operations each, as does the floor. With 1, 10,
//!   100 and 1000 consumers ours took 0.43, 0.44, 0.43 and 0.45 of the time of moq-net, 0.10, 0.19, 0.25 and 0.28 of that of
//!   0.12.0, and 1.7 to 2.3 times the floor.
//! - Announcing 10,000 broadcasts took 0.7 of the time of 0.12.0 and a tenth of that of moq-net.
//! - A track over QUIC had 0.91 of the rate of a plain stream, where each end has a thread of its own. Where both ends share a
//!   runtime of two threads both are slower, and ours had about 0.6: it has more tasks, which then wander.
//!
//! `transport-bench [ROUNDS]`; 15 rounds without it.

mod counting;
mod models;
mod quic;
mod table;

use std::time::Instant;

use bytes::Bytes;
use counting::{Counting, Heap};
use models::{First, Floor, Model, Newest, Ours};
use table::{Row, Table};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PAYLOAD: usize = 1200;
/// Frames in the group whose memory is counted.
const FRAMES: usize = 1000;
const CONSUMERS: [usize; 4] = [1, 10, 100, 1000];
const BROADCASTS: usize = 10_000;

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|rounds| rounds.parse().ok());
    let rounds: usize = rounds.unwrap_or(15).max(1);
    println!("{rounds} rounds; median [least .. greatest]");
    println!();
    let mut table = Table::default();
    for what in [
        "allocations per frame written",
        "bytes retained per frame",
        "allocations per frame read",
    ] {
        table.add(Row::new(what, ""));
    }
    for consumers in CONSUMERS {
        table.add(Row::new(
            &format!("write and read, {consumers} consumers"),
            "ns/frame",
        ));
    }
    table.add(Row::new(&format!("announce {BROADCASTS} broadcasts"), "µs"));
    // One round to warm up.
    for round in 0..=rounds {
        let measured = [
            model::<Ours>(),
            model::<First>(),
            model::<Newest>(),
            model::<Floor>(),
        ];
        if round > 0 {
            table.record(&measured);
        }
    }
    print!("{table}");
    println!();

    let mut rates = Table::quic();
    rates.add(Row::new("one track over loopback QUIC", "Mbit/s"));
    let mut runs = Vec::new();
    for round in 0..=rounds {
        // Which is first changes: the second of two may be better or worse off.
        let (plain, track) = if round.is_multiple_of(2) {
            let plain = quic::plain();
            (plain, quic::track())
        } else {
            let track = quic::track();
            (quic::plain(), track)
        };
        if round > 0 {
            rates.record(&[vec![track.rate], vec![plain.rate]]);
            runs.extend([track, plain]);
        }
    }
    print!("{rates}");
    let lost: u64 = runs.iter().map(|run| run.lost).sum();
    let packets = runs.iter().map(|run| run.packet);
    println!(
        "packets of {}..{} bytes, {lost} lost in {} runs",
        packets.clone().min().unwrap_or_default(),
        packets.max().unwrap_or_default(),
        runs.len(),
    );
}

/// One round of one implementation: a number for each row.
fn model<M: Model>() -> Vec<f64> {
    // moq-lite 0.12.0 spawns tasks and wants a runtime for that. It is not run.
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("it needs no resources");
    let _context = runtime.enter();
    let mut numbers = memory::<M>();
    numbers.extend(CONSUMERS.map(time_per_frame::<M>));
    numbers.push(if M::ANNOUNCES {
        announce::<M>()
    } else {
        f64::NAN
    });
    numbers
}

fn memory<M: Model>() -> Vec<f64> {
    let frames = payloads(FRAMES);
    let mut group = M::group();
    let before = Heap::now();
    for frame in &frames {
        M::write(&mut group, frame.clone());
    }
    let (written, retained) = before.since();
    let mut reader = M::reader(&group);
    let before = Heap::now();
    for _ in 0..FRAMES {
        assert_eq!(M::read(&mut reader).len(), PAYLOAD);
    }
    let (read, _) = before.since();
    [written, retained, read]
        .map(|count| count / FRAMES as f64)
        .to_vec()
}

/// Each frame is read by every consumer before the next one is written.
fn time_per_frame<M: Model>(consumers: usize) -> f64 {
    let frames = (100_000 / consumers).clamp(100, 5000);
    let payloads = payloads(frames);
    let mut group = M::group();
    let mut readers: Vec<_> = (0..consumers).map(|_| M::reader(&group)).collect();
    let begin = Instant::now();
    for payload in payloads {
        M::write(&mut group, payload);
        for reader in &mut readers {
            assert_eq!(M::read(reader).len(), PAYLOAD);
        }
    }
    begin.elapsed().as_nanos() as f64 / frames as f64
}

fn announce<M: Model>() -> f64 {
    let origin = M::origin(BROADCASTS);
    let begin = Instant::now();
    assert_eq!(M::announced(&origin), BROADCASTS);
    begin.elapsed().as_nanos() as f64 / 1000.0
}

/// Payloads that exist, and are shared, before anything is measured.
fn payloads(count: usize) -> Vec<Bytes> {
    let one = || {
        let payload = Bytes::from(vec![7; PAYLOAD]);
        drop(payload.clone());
        payload
    };
    std::iter::repeat_with(one).take(count).collect()
}
