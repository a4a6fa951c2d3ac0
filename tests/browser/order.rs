//! Whether a page was given, and showed, what was sent, in order.

use serde::Deserialize;

/// A picture as the probe saw it on the page.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Shown {
    /// Milliseconds, as its pixels say.
    pub(crate) clock: i64,
    /// Milliseconds since then.
    pub(crate) age: i64,
    /// Milliseconds, as the player says.
    pub(crate) timestamp: f64,
    /// How many decoders had had their turn when it was drawn.
    pub(crate) decoder: usize,
}

/// Says what is wrong with the pictures that a page showed, from the times of what each of its decoders was given.
///
/// What a decoder is given is in order, and the clock in the pictures goes as their times do: always. What is drawn may go
/// back in one case. When the catalog changes, as it does once what a track's rate is was measured, two seconds after
/// it began, the player opens a second decoder, which begins with the group, and lets it take over as soon as its picture is at
/// most 100 ms older than the one that is shown. The constant is the player's own (`SLACK` of @moq/watch 0.4.6), and the
/// step that it makes is seen: 2189, 2255, 2189, 2255 and 2322 ms, the third of them being the first of another decoder.
pub(crate) fn check(given: &[Vec<i64>], shown: &[Shown]) -> Result<(), String> {
    for (number, times) in given.iter().enumerate() {
        if let Some(pair) = times.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(format!("decoder {number} was given {pair:?} µs"));
        }
    }
    let mut sent: Vec<&Shown> = shown.iter().collect();
    sent.sort_by(|a, b| a.timestamp.total_cmp(&b.timestamp));
    for pair in sent.windows(2) {
        if pair[0].timestamp.total_cmp(&pair[1].timestamp) != pair[0].clock.cmp(&pair[1].clock) {
            return Err(format!("the clock does not go as time does: {pair:?}"));
        }
    }
    for pair in shown.windows(2) {
        let forward = pair[1].timestamp - pair[0].timestamp;
        let handed_over = pair[0].decoder < pair[1].decoder;
        if forward <= 0.0 && !(handed_over && forward >= -SLACK) {
            return Err(format!("an older picture was shown: {pair:?}"));
        }
    }
    Ok(())
}

/// Milliseconds that a decoder may be behind the one from which it takes over.
const SLACK: f64 = 100.0;

/// What was seen where the catalog changed: clock, time and decoder.
#[cfg(test)]
const SEEN: [(i64, f64, usize); 6] = [
    (1128, 2122.0, 0),
    (1196, 2189.0, 0),
    (1261, 2255.0, 0),
    (1196, 2189.0, 1),
    (1261, 2255.0, 1),
    (1328, 2322.0, 1),
];

#[cfg(test)]
fn judge(given: &[&[i64]], shown: &[(i64, f64, usize)]) -> Result<(), String> {
    let given: Vec<Vec<i64>> = given.iter().map(|times| times.to_vec()).collect();
    let picture = |&(clock, timestamp, decoder): &(i64, f64, usize)| Shown {
        clock,
        age: 60,
        timestamp,
        decoder,
    };
    let shown: Vec<Shown> = shown.iter().map(picture).collect();
    check(&given, &shown)
}

#[test]
fn a_decoder_that_takes_over_may_be_a_little_behind() {
    assert_eq!(judge(&[&[1, 2, 3], &[1, 2, 3, 4]], &SEEN), Ok(()));
}

#[test]
fn no_other_picture_may_be_older_than_the_one_before() {
    let alone = SEEN.map(|(clock, timestamp, _)| (clock, timestamp, 0));
    let error = judge(&[], &alone).expect_err("no decoder took over");
    assert!(error.starts_with("an older picture was shown"), "{error}");
    let far = [(1300, 2300.0, 0), (1196, 2196.0, 1)];
    let error = judge(&[], &far).expect_err("it is more than the player allows");
    assert!(error.starts_with("an older picture was shown"), "{error}");
}

#[test]
fn clocks_and_times_go_together() {
    for wrong in [
        // Times of another picture.
        [(1000, 10.0, 0), (1040, 80.0, 0), (1080, 50.0, 0)],
        // One picture with two times, and one time for two pictures.
        [(1000, 10.0, 0), (1000, 50.0, 0), (1080, 90.0, 0)],
        [(1000, 10.0, 0), (1040, 10.0, 0), (1080, 90.0, 0)],
    ] {
        let error = judge(&[], &wrong).expect_err("they do not");
        assert!(error.starts_with("the clock does not go"), "{error}");
    }
}

#[test]
fn a_decoder_gets_everything_in_order() {
    for wrong in [[1, 3, 2], [1, 1, 2]] {
        let error = judge(&[&[1, 2, 3], &wrong], &[]).expect_err("it did not");
        assert!(error.starts_with("decoder 1 was given"), "{error}");
    }
}
