//! Builds fragmented MP4 box by box, also such that no muxer would write.

#![allow(dead_code, reason = "each test program uses its own part")]

/// A box of any content.
pub(crate) fn boxed(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = u32::try_from(body.len() + 8)
        .expect("small")
        .to_be_bytes()
        .to_vec();
    out.extend(kind.as_bytes());
    out.extend(body);
    out
}

/// A box with version and flags.
pub(crate) fn full(kind: &str, version: u8, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let header = (u32::from(version) << 24 | flags).to_be_bytes();
    boxed(kind, &[&header, &parts.concat()])
}

/// Numbers of 32 bits, one after the other.
pub(crate) fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

/// An `avcC` record of 640x360 at level 3.0 with one parameter set each.
pub(crate) const AVCC: &[u8] = &[
    1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 10, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5,
    0x40, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
];

/// A visual sample entry of H.264.
pub(crate) fn avc1() -> Vec<u8> {
    let mut fixed = [0; 78];
    fixed[24..28].copy_from_slice(&[2, 0x80, 1, 0x68]);
    boxed("avc1", &[&fixed, &boxed("avcC", &[AVCC])])
}

/// An audio sample entry with one box.
pub(crate) fn audio_entry(kind: &str, child: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[0; 28], child])
}

/// AAC-LC, 48 kHz, stereo, 128 kbit/s.
pub(crate) fn mp4a() -> Vec<u8> {
    let descriptor = [
        3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, 5, 2, 0x11, 0x90,
        6, 1, 2,
    ];
    audio_entry("mp4a", &full("esds", 0, 0, &[&descriptor]))
}

/// Stereo Opus.
pub(crate) fn opus() -> Vec<u8> {
    audio_entry(
        "Opus",
        &boxed("dOps", &[&[0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0]]),
    )
}

/// A track of a `moov` box.
#[derive(Clone)]
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) timescale: u32,
    pub(crate) entry: Vec<u8>,
    /// Duration, size and flags of `trex`.
    pub(crate) defaults: [u32; 3],
    /// The content of an `edts` box.
    pub(crate) edits: Option<Vec<u8>>,
    /// How many samples `stsz` lists.
    pub(crate) listed: u32,
}

impl Track {
    pub(crate) fn new(id: u32, timescale: u32, entry: Vec<u8>) -> Self {
        Self {
            id,
            timescale,
            entry,
            defaults: [0; 3],
            edits: None,
            listed: 0,
        }
    }

    fn trak(&self) -> Vec<u8> {
        let mut tkhd = [0; 80];
        tkhd[8..12].copy_from_slice(&self.id.to_be_bytes());
        let stsd = full("stsd", 0, 0, &[&words(&[1]), &self.entry]);
        let stsz = full("stsz", 0, 0, &[&words(&[7, self.listed])]);
        let minf = boxed("minf", &[&boxed("stbl", &[&stsd, &stsz])]);
        let mdhd = full(
            "mdhd",
            0,
            0,
            &[&words(&[0, 0, self.timescale, 0, 0x55c4_0000])],
        );
        let mdia = boxed("mdia", &[&mdhd, &minf]);
        let edts = self
            .edits
            .as_ref()
            .map_or(vec![], |edits| boxed("edts", &[edits]));
        boxed("trak", &[&full("tkhd", 0, 3, &[&tkhd]), &edts, &mdia])
    }
}

/// An edit list of version 0 from (duration, media time) pairs; a time of -1 is an empty edit.
pub(crate) fn elst(edits: &[(u32, i32)]) -> Vec<u8> {
    let entries: Vec<u8> = edits
        .iter()
        .flat_map(|(duration, time)| words(&[*duration, *time as u32, 1 << 16]))
        .collect();
    full("elst", 0, 0, &[&words(&[edits.len() as u32]), &entries])
}

/// A `moov` box with a movie timescale of 1000.
pub(crate) fn moov(tracks: &[Track]) -> Vec<u8> {
    let mut mvhd = [0; 96];
    mvhd[8..12].copy_from_slice(&1000u32.to_be_bytes());
    let traks: Vec<u8> = tracks.iter().flat_map(Track::trak).collect();
    let trex = |track: &Track| {
        full(
            "trex",
            0,
            0,
            &[&words(&[track.id, 1]), &words(&track.defaults)],
        )
    };
    let mvex = boxed("mvex", &[&tracks.iter().flat_map(trex).collect::<Vec<_>>()]);
    boxed("moov", &[&full("mvhd", 0, 0, &[&mvhd]), &traks, &mvex])
}

/// `ftyp` and `moov`.
pub(crate) fn header(tracks: &[Track]) -> Vec<u8> {
    [boxed("ftyp", &[b"iso5\0\0\0\0iso5"]), moov(tracks)].concat()
}

/// A `tfhd` box whose flags are 0x20000 (default-base-is-moof) or what the fields need.
pub(crate) fn tfhd(flags: u32, id: u32, fields: &[u8]) -> Vec<u8> {
    full("tfhd", 0, flags, &[&words(&[id]), fields])
}

/// A `tfdt` box of version 1.
pub(crate) fn tfdt(time: u64) -> Vec<u8> {
    full("tfdt", 1, 0, &[&time.to_be_bytes()])
}

/// A `moof` box of these `traf` boxes.
pub(crate) fn moof(trafs: &[Vec<u8>]) -> Vec<u8> {
    boxed(
        "moof",
        &[&full("mfhd", 0, 0, &[&words(&[1])]), &trafs.concat()],
    )
}

/// A fragment of one track in the common form: offsets from the `moof`, sizes and flags per sample,
/// one duration, then its `mdat`.
pub(crate) fn fragment(id: u32, time: u64, duration: u32, samples: &[(&[u8], bool)]) -> Vec<u8> {
    let list: Vec<u8> = samples
        .iter()
        .flat_map(|(data, key)| {
            words(&[
                data.len() as u32,
                if *key { 0x0200_0000 } else { 0x0101_0000 },
            ])
        })
        .collect();
    let build = |offset: u32| {
        let trun = full(
            "trun",
            0,
            0x601,
            &[&words(&[samples.len() as u32, offset]), &list],
        );
        moof(&[boxed(
            "traf",
            &[&tfhd(0x2_0008, id, &words(&[duration])), &tfdt(time), &trun],
        )])
    };
    let offset = build(0).len() as u32 + 8;
    let data: Vec<u8> = samples.iter().flat_map(|(data, _)| data.to_vec()).collect();
    [build(offset), boxed("mdat", &[&data])].concat()
}
