//! Why a stream is not fragmented MP4 that can be used.

use mp4_atom::FourCC;

/// A stream that cannot be demuxed any further. Positions count bytes from the start of the stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What should be a box header is not one.
    #[error("the stream is not MP4: there is no box at byte {position}")]
    NotABox {
        /// Where the header should be.
        position: u64,
    },
    /// A box announces a size that cannot be.
    #[error("the {kind} box at byte {position} announces an impossible size of {size} bytes")]
    BoxSize {
        /// The box's type.
        kind: FourCC,
        /// Where it starts.
        position: u64,
        /// The announced size, header included.
        size: u64,
    },
    /// A box that must be kept whole is too large for that.
    #[error("the {kind} box of {size} bytes is larger than the {max} allowed")]
    BoxTooLarge {
        /// The box's type.
        kind: FourCC,
        /// The size of its content.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// The content of a box cannot be read.
    #[error("the {kind} box is malformed: {reason}")]
    Malformed {
        /// The box's type.
        kind: FourCC,
        /// What is wrong.
        reason: String,
    },
    /// The `moov` box describes no fragments.
    #[error(
        "the MP4 is not fragmented; write it with mp4mux fragment-duration=100 (in ms), or with ffmpeg -movflags frag_keyframe+empty_moov"
    )]
    Progressive,
    /// The `moov` box describes fragments, but the first samples are listed in itself.
    #[error(
        "the MP4 holds its first samples outside of fragments; add empty_moov to ffmpeg's -movflags, or use mp4mux fragment-mode=dash-or-mss"
    )]
    Hybrid,
    /// A fragment comes before the `moov` box.
    #[error("a fragment comes before the moov box that describes its tracks")]
    NoMovie,
    /// A fragment is of a track that the `moov` box does not list.
    #[error("a fragment is of track {0}, which the moov box does not list")]
    UnknownTrack(u32),
    /// A sample does not lie in an `mdat` box that follows its fragment.
    #[error(
        "a sample of track {track} at byte {position} with {size} bytes lies outside of the media data that follows"
    )]
    OutsideMediaData {
        /// The track's id.
        track: u32,
        /// Where the sample should start.
        position: u64,
        /// Its size.
        size: u32,
    },
    /// Two samples share bytes.
    #[error("a sample of track {track} at byte {position} overlaps the sample before it")]
    Overlap {
        /// The track's id.
        track: u32,
        /// Where the sample should start.
        position: u64,
    },
    /// A sample is too large to be held.
    #[error("a sample of track {track} with {size} bytes is larger than the {max} allowed")]
    SampleTooLarge {
        /// The track's id.
        track: u32,
        /// Its size.
        size: u32,
        /// The limit.
        max: u32,
    },
    /// Fragments list too many samples.
    #[error("a fragment lists more than {0} samples")]
    TooManySamples(usize),
    /// The `moov` box lists too many tracks.
    #[error("the moov box lists more than {0} tracks")]
    TooManyTracks(usize),
    /// Times run out of range.
    #[error("the times of track {0} run out of range")]
    Time(u32),
    /// The stream ended inside a box.
    #[error("the stream ends inside a {kind} box, {missing} bytes too early")]
    Truncated {
        /// The box's type.
        kind: FourCC,
        /// How much is missing.
        missing: u64,
    },
    /// The stream ended before all samples of the last fragment came.
    #[error("the stream ends before {0} samples that its last fragment lists")]
    MissingSamples(usize),
    /// The stream ended without a `moov` box.
    #[error("the stream ends without a moov box, so nothing in it can be understood")]
    Empty,
}
