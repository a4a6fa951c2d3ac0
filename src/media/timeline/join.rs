//! What came before the mapping was fixed.

use super::Track;

/// The burst at the start of a join.
#[derive(Debug, Default)]
pub(super) struct Join {
    /// When the first frame came.
    pub(super) first: Option<i64>,
    /// The oldest media time.
    pub(super) oldest: Option<i64>,
    frames: Vec<Frame>,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    media: i64,
    delay: i64,
}

impl Join {
    /// True when the burst has ended: two frames in a row took their time to come. One may be a
    /// pause of the network.
    pub(super) fn observe(&mut self, track: &mut Track, media: i64, arrival: i64) -> bool {
        self.first.get_or_insert(arrival);
        self.oldest = Some(self.oldest.map_or(media, |oldest| oldest.min(media)));
        if self.frames.len() >= MAX_FRAMES {
            self.frames.remove(0);
        }
        self.frames.push(Frame {
            media,
            delay: arrival - media,
        });
        let Some(newest) = track.newest else {
            return false;
        };
        if media <= newest {
            return false;
        }
        let at_pace = 2 * (arrival - track.arrival) >= media - newest;
        track.at_pace = if at_pace { track.at_pace + 1 } else { 0 };
        track.at_pace >= 2
    }

    /// The smallest difference of arrival and media time.
    pub(super) fn fastest(&self) -> Option<i64> {
        self.frames.iter().map(|frame| frame.delay).min()
    }

    /// The oldest media time of what came at most `tolerance` later than the fastest.
    pub(super) fn oldest_in_time(&self, fastest: i64, tolerance: i64) -> Option<i64> {
        let in_time = |frame: &&Frame| frame.delay - fastest <= tolerance;
        let in_time = self.frames.iter().filter(in_time);
        in_time.map(|frame| frame.media).min()
    }
}

/// Of the frames of a join only the newest are of interest.
const MAX_FRAMES: usize = 1024;
