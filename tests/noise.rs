//! Whatever reads bytes of others is fed with the same pseudo-random input in every run: noise, and good input with
//! mistakes in it. Nothing panics, and what can be read can be written.

#[path = "common/fmp4.rs"]
mod build;
#[path = "../fuzz/inputs.rs"]
mod inputs;

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn noise(&mut self, limit: usize) -> Vec<u8> {
        // Small numbers are likelier to mean something.
        let mask = [0xff, 0x3f, 0x07][self.below(3)];
        let size = self.below(limit);
        (0..size).map(|_| self.next() as u8 & mask).collect()
    }

    /// A copy with a few mistakes.
    fn spoil(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bad = good.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bad.len());
            match self.below(5) {
                0 => bad.truncate(at),
                1 => bad.insert(at, self.next() as u8),
                2 if at < bad.len() => drop(bad.remove(at)),
                3 if at < bad.len() => bad[at] ^= 1 << self.below(8),
                _ if at < bad.len() => bad[at] = self.next() as u8,
                _ => {}
            }
        }
        bad
    }
}

/// Feeds noise, and each of `good` with mistakes.
fn feed(read: fn(&[u8]), limit: usize, good: &[Vec<u8>]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        read(&random.noise(limit));
    }
    for good in good {
        read(good);
        for _ in 0..5_000 {
            read(&random.spoil(good));
        }
    }
}

#[test]
fn messages_of_noise_do_no_harm() {
    // A datagram of each version that has them.
    let datagrams = [4, 5].map(|version| [&[version, 7, 5, 20], &b"sound"[..]].concat());
    feed(inputs::wire_lite, 64, &datagrams);
}

#[test]
fn messages_of_the_other_family_do_no_harm_either() {
    let subscribe = b"\0\x12\x04\x02\x01a\x01b\x01v\x80\x02\x01\x03\x05\x06\0";
    let datagram = b"\x03\x09\x05\x01\x80\x03\x3c\x01\x07sound";
    let status = b"\x21\x09\x05\x01\x80\x02\x3c\x07\x04";
    let good = [&subscribe[..], datagram, status].map(<[u8]>::to_vec);
    feed(inputs::wire_ietf, 64, &good);
}

#[test]
fn setups_of_noise_do_no_harm() {
    let good = b"\x16\x02\xc0\0\0\0\xff\x0d\xad\x02\xc0\0\0\0\xff\x0d\xad\x01\x01\x05\x02ab";
    feed(inputs::setup, 64, &[good.to_vec()]);
}

#[test]
fn files_with_mistakes_do_no_harm() {
    let video = build::Track::new(1, 90_000, build::avc1());
    let audio = build::Track::new(2, 48_000, build::mp4a());
    let samples: [(&[u8], bool); 2] = [
        (b"\0\0\0\x02\x65\x88", true),
        (b"\0\0\0\x02\x41\x9a", false),
    ];
    let mut file = vec![3];
    file.extend(build::header(&[video, audio]));
    file.extend(build::fragment(1, 0, 3000, &samples));
    file.extend(build::fragment(2, 0, 1024, &[(b"\x21\x10", true)]));
    feed(inputs::fmp4, 256, &[file]);
}

#[test]
fn catalogs_with_mistakes_do_no_harm() {
    let catalog = br#"{"video":{"renditions":{"v":{"codec":"avc1.64001f","codedWidth":1280,"codedHeight":720,
        "framerate":30.0,"bitrate":5000000,"description":"0164001f","container":{"kind":"legacy"}}}},"audio":{
        "renditions":{"a":{"codec":"mp4a.40.2","sampleRate":48000,"numberOfChannels":2,"bitrate":128000}}},"x":[1,null]}"#;
    feed(inputs::catalog, 64, &[catalog.to_vec()]);
}

#[test]
fn frames_of_containers_with_mistakes_do_no_harm() {
    let samples: [(&[u8], bool); 2] = [(b"one", true), (b"two", false)];
    let fragment = [&[2][..], &build::fragment(1, 0, 3000, &samples)].concat();
    let loc = b"\x01\x08\x08\x80\x01\x5f\x90\x08\x40\x5axyz".to_vec();
    feed(inputs::containers, 96, &[fragment, loc]);
}

#[test]
fn frames_and_configurations_with_mistakes_do_no_harm() {
    let opus = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
    let annex_b = [b"\0\0\0\x01", &build::AVCC[8..18], b"\0\0\x01\x65\x88"].concat();
    let good = [opus, build::AVCC.to_vec(), annex_b, vec![0x11, 0x90]];
    feed(inputs::legacy, 64, &good);
}

#[test]
fn pictures_sound_and_text_with_mistakes_do_no_harm() {
    let good: [&[u8]; 8] = [
        b"\0\0\x01\x40\x01\x0c\0\0\x01\x42\x01\x01\x01\x60\0\0\x03\0\xb0\0\0\x03\0\0\x03\0\x5d\xa0\x0a\x08\x0f\x16\x59\x59\xa4\x93\x2b\xc0\x5a\
          \0\0\x01\x44\x01\xc1\0\0\x01\x26\x01\xaf",
        b"\x12\0\x0a\x0b\0\0\0\x04\x3c\xfe\xed\xfe\x55\xf9\xc0\x32\x02\x10\0",
        b"\x10\x02\0\x9d\x01\x2a\xa0\0\x78\0",
        b"\x82\x49\x83\x42\x20\x13\xf0\x0e\xf0\0",
        b"\xff\xf1\x50\x80\x01\x3f\xfc\x01\x02",
        b"\xff\xfb\x90\x64\0\0",
        b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\x09\0\x30\0\x0a\xc4\x42\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"WEBVTT\n\n00:00.500 --> 00:01.000 line:0\n<b>A &amp; B</b>\n\n00:01.000 --> 00:02.000\nC\n",
    ];
    feed(inputs::codecs, 256, &good.map(<[u8]>::to_vec));
}
