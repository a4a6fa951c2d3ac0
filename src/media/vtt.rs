//! WebVTT: cues in a document of their own, and text with and without markup.

use std::{borrow::Cow, fmt::Write, time::Duration};

use bytes::Bytes;

use super::Error;

/// The longest document that is read, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;

/// A text and when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// When it appears.
    pub start: Duration,
    /// When it disappears.
    pub end: Duration,
    /// What is shown, with WebVTT's markup, in lines of which none is empty.
    pub text: String,
}

/// A document of these cues. Times are cut to milliseconds.
pub fn write<'a>(cues: impl IntoIterator<Item = &'a Cue>) -> Bytes {
    let mut document = String::from("WEBVTT\n");
    for cue in cues {
        let (start, end) = (Time(cue.start), Time(cue.end));
        let _ = write!(document, "\n{start} --> {end}\n");
        for line in cue.text.lines().filter(|line| !line.trim().is_empty()) {
            // An arrow in the text would be taken for times.
            document.push_str(&line.replace("-->", "--&gt;"));
            document.push('\n');
        }
    }
    document.into()
}

/// The cues of a document, or of a piece of one without its header. Comments, styles, identifiers
/// and positions are left out.
pub fn parse(document: &[u8]) -> Result<Vec<Cue>, Error> {
    if document.len() > MAX_SIZE {
        return Err(Error::Vtt("the document is larger than 65536 bytes"));
    }
    let document = std::str::from_utf8(document).map_err(|_| Error::Vtt("it is not UTF-8"))?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let mut cues = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some((start, rest)) = line.split_once("-->") else {
            continue;
        };
        let end = rest.split_whitespace().next().unwrap_or_default();
        let times = time(start.trim()).zip(time(end));
        let (start, end) = times.ok_or(Error::Vtt("the times of a cue cannot be read"))?;
        let text: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.trim().is_empty())
            .collect();
        cues.push(Cue {
            start,
            end: end.max(start),
            text: text.join("\n"),
        });
    }
    Ok(cues)
}

/// Text without markup into a cue's text.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A cue's text, or text with Pango's markup, without any markup.
pub fn plain(text: &str) -> String {
    unescape(&strip(text, |_| false))
}

/// Text with Pango's markup into a cue's text: bold, italic and underlined stay.
pub fn from_pango(text: &str) -> String {
    strip(text, |tag| matches!(tag, "b" | "i" | "u"))
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
}

/// Text without the tags that are not wanted.
fn strip(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        kept.push_str(before);
        let Some((tag, behind)) = tag.split_once('>') else {
            return kept;
        };
        if wanted(tag.strip_prefix('/').unwrap_or(tag)) {
            let _ = write!(kept, "<{tag}>");
        }
        rest = behind;
    }
    kept.push_str(rest);
    kept
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let named = behind
            .split_once(';')
            .and_then(|(name, behind)| Some((entity(name)?, behind)));
        let (letter, behind) = named.unwrap_or((Cow::Borrowed("&"), behind));
        plain.push_str(&letter);
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<Cow<'static, str>> {
    Some(match name {
        "amp" => "&".into(),
        "lt" => "<".into(),
        "gt" => ">".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        "nbsp" => "\u{a0}".into(),
        "lrm" | "rlm" => "".into(),
        name => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)?.to_string().into()
        }
    })
}

/// Hours, which may be left out, minutes, seconds and thousandths.
fn time(text: &str) -> Option<Duration> {
    let (clock, millis) = text.split_once(['.', ','])?;
    if millis.len() != 3 {
        return None;
    }
    let mut parts = clock.rsplit(':').map(|part| part.parse::<u32>().ok());
    let seconds = parts.next()??;
    let minutes = parts.next()??;
    let hours = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || seconds > 59 || minutes > 59 {
        return None;
    }
    let seconds = u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds);
    Some(Duration::from_secs(seconds) + Duration::from_millis(millis.parse().ok()?))
}

struct Time(Duration);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(start: u64, end: u64, text: &str) -> Cue {
        Cue {
            start: Duration::from_millis(start),
            end: Duration::from_millis(end),
            text: text.into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let cues = [
            cue(1_500, 3_599_999, "<b>Hello</b>\nworld"),
            cue(360_000_000, 360_000_001, "á --&gt; b"),
        ];
        let document = write(&cues);
        let expected = "WEBVTT\n\n00:00:01.500 --> 00:59:59.999\n<b>Hello</b>\nworld\n\n\
                        100:00:00.000 --> 100:00:00.001\ná --&gt; b\n";
        assert_eq!(document, expected.as_bytes());
        assert_eq!(parse(&document), Ok(cues.to_vec()));
    }

    #[test]
    fn a_text_cannot_end_its_cue() {
        let document = write(&[cue(0, 1, "one\n\n \n00:00 --> 00:01\ntwo")]);
        let read = parse(&document).expect("valid");
        assert_eq!(read, [cue(0, 1, "one\n00:00 --&gt; 00:01\ntwo")]);
    }

    #[test]
    fn documents_of_others_are_read() {
        let document = "\u{feff}WEBVTT - title\r\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\r\n\r\nNOTE nothing\r\n\r\n\
                        STYLE\r\n::cue {}\r\n\r\nfirst\r\n00:01.000 --> 00:02.000 align:start line:0\r\nHi\r\n\r\n\
                        01:00:00,000 --> 00:00:00.000";
        let expected = [cue(1_000, 2_000, "Hi"), cue(3_600_000, 3_600_000, "")];
        assert_eq!(parse(document.as_bytes()), Ok(expected.to_vec()));
        assert_eq!(parse(b"WEBVTT\n\n"), Ok(vec![]));
        for broken in [
            "1 --> 2",
            "00:00.000 -->",
            "00:61.000 --> 00:62.000",
            "1:0:0:0.000 --> 0:0.000",
        ] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(parse(&[0xff]).is_err());
        assert!(parse(&[b' '; MAX_SIZE + 1]).is_err());
    }

    #[test]
    fn markup_comes_and_goes() {
        assert_eq!(escape("a < b && c > d"), "a &lt; b &amp;&amp; c &gt; d");
        assert_eq!(plain(&escape("a < b && c > d")), "a < b && c > d");
        let markup = "<span size='x'><i>It&apos;s</i></span> &amp; <b>more";
        assert_eq!(from_pango(markup), "<i>It's</i> &amp; <b>more");
        assert_eq!(plain(markup), "It's & more");
        assert_eq!(
            plain("<v Bob>1 &lt; &#50;&#x33; &unknown; & &#xd800;"),
            "1 < 23 &unknown; & &#xd800;"
        );
        assert_eq!(plain("cut <b"), "cut ");
    }
}
