//! Text: every buffer becomes a WebVTT document of its own.

use std::time::Duration;

use bytes::Bytes;

use crate::media::{
    Micros, TextConfig,
    catalog::VTT,
    vtt::{self, Cue},
};

/// What the buffers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Text {
    /// Text without markup.
    Plain,
    /// Text with Pango's markup.
    Pango,
    /// Pieces of a WebVTT document.
    Vtt,
}

/// How long a text is shown that does not say so itself.
const UNTIMED: Duration = Duration::from_secs(5);

impl Text {
    pub(super) fn new(caps: &gst::StructureRef) -> Result<Self, String> {
        if caps.name() != "text/x-raw" {
            return Ok(Self::Vtt);
        }
        match caps.get::<&str>("format") {
            Ok("utf8") => Ok(Self::Plain),
            Ok("pango-markup") => Ok(Self::Pango),
            _ => Err("Text needs format=utf8 or format=pango-markup in its caps".into()),
        }
    }

    pub(super) fn config(self) -> TextConfig {
        TextConfig {
            format: VTT.into(),
            ..TextConfig::default()
        }
    }

    /// The document of a buffer that is shown from `start` on; `None` where it has no text, as the
    /// header of WebVTT.
    pub(in super::super) fn document(
        self,
        payload: &[u8],
        start: Micros,
        duration: Option<Duration>,
    ) -> Result<Option<Bytes>, String> {
        let start = Duration::from(start);
        let end = start + duration.filter(|time| !time.is_zero()).unwrap_or(UNTIMED);
        let cues = match self {
            Self::Vtt => shifted(payload, start)?,
            Self::Plain | Self::Pango => {
                let text = std::str::from_utf8(payload)
                    .map_err(|_| "The text is not UTF-8".to_owned())?
                    .trim_end_matches(['\0', '\n']);
                let text = match self {
                    Self::Pango => vtt::from_pango(text),
                    _ => vtt::escape(text),
                };
                vec![Cue { start, end, text }]
            }
        };
        let mut cues = cues
            .into_iter()
            .filter(|cue| !cue.text.trim().is_empty())
            .peekable();
        if cues.peek().is_none() {
            return Ok(None);
        }
        let cues: Vec<_> = cues.collect();
        let document = vtt::write(&cues);
        if document.len() > vtt::MAX_SIZE {
            return Err(format!("A text is larger than {} bytes", vtt::MAX_SIZE));
        }
        Ok(Some(document))
    }
}

/// The cues of a piece of a document, moved so that the first begins at `start`: how they were timed
/// has nothing to do with running time.
fn shifted(payload: &[u8], start: Duration) -> Result<Vec<Cue>, String> {
    let mut cues =
        vtt::parse(payload).map_err(|error| format!("The text cannot be read: {error}"))?;
    let first = cues.first().map_or(start, |cue| cue.start);
    for cue in &mut cues {
        cue.start = (cue.start + start).saturating_sub(first);
        cue.end = (cue.end + start).saturating_sub(first);
    }
    Ok(cues)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: Text, payload: &str, duration: Option<u64>) -> String {
        let duration = duration.map(Duration::from_millis);
        let document = text.document(payload.as_bytes(), Micros::new(61_500_000), duration);
        let document = document.expect("it can be read").unwrap_or_default();
        String::from_utf8(document.to_vec()).expect("UTF-8")
    }

    #[test]
    fn a_text_is_a_cue_for_as_long_as_its_buffer() {
        assert_eq!(
            document(Text::Plain, "1 < 2\n", Some(1_500)),
            "WEBVTT\n\n00:01:01.500 --> 00:01:03.000\n1 &lt; 2\n"
        );
        assert_eq!(
            document(Text::Pango, "<i>a</i> &amp; <span>b</span>", None),
            "WEBVTT\n\n00:01:01.500 --> 00:01:06.500\n<i>a</i> &amp; b\n"
        );
        assert_eq!(document(Text::Plain, " \n", Some(1)), "");
    }

    #[test]
    fn cues_begin_when_their_buffer_does() {
        assert_eq!(document(Text::Vtt, "WEBVTT\n\n", None), "");
        let cues = "00:05.000 --> 00:06.000\na\n\n00:06.500 --> 00:07.000\nb\n\n";
        assert_eq!(
            document(Text::Vtt, cues, Some(1_000)),
            "WEBVTT\n\n00:01:01.500 --> 00:01:02.500\na\n\n00:01:03.000 --> 00:01:03.500\nb\n"
        );
        assert!(
            Text::Vtt
                .document(b"x --> y", Micros::new(0), None)
                .is_err()
        );
        assert!(Text::Plain.document(&[0xff], Micros::new(0), None).is_err());
    }
}
