//! Buffers of fragmented MP4: pieces of a file, out of which samples come.

use std::time::Instant;

use bytes::Bytes;
use gst::{FlowError, FlowSuccess, prelude::*, subclass::prelude::*};

use super::super::{
    MoqSinkPad,
    imp::MoqSink,
    interleave::Scheduled,
    movie::Movie,
    pace::Punctual,
    stream::{Content, Stream},
    wallclock,
};
use crate::{
    media::fmp4,
    publish::{self, Details},
};

/// Which samples of a movie are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Release {
    /// Those of which it is known that none is due before.
    Known,
    /// All: nothing follows that belongs to them.
    All,
}

impl MoqSink {
    pub(in super::super) fn chain_movie(
        &self,
        pad: &MoqSinkPad,
        header: &Bytes,
        buffer: gst::Buffer,
    ) -> Result<FlowSuccess, FlowError> {
        let imp = pad.imp();
        let begun = matches!(imp.stream().content, Content::Movie(_));
        let begins = (!begun).then(|| Movie::new(self.options(pad).container));
        let mut stream = imp.stream();
        let presented = stream.running_time(buffer.pts());
        let reference = wallclock::reference(&buffer);
        let payload = self.payload(pad, buffer)?;
        if let Some(movie) = begins {
            stream.end_tracks(Instant::now());
            stream.content = Content::Movie(Box::new(movie));
        }
        let Content::Movie(movie) = &mut stream.content else {
            return Err(FlowError::Error);
        };
        let pushed = movie.push(header, payload, presented, reference);
        drop(stream);
        // What came before an error is good.
        while let Some(event) = next_event(pad) {
            match event {
                fmp4::Event::Tracks(tracks) => {
                    self.release(pad, Release::All)?;
                    self.movie_tracks(pad, tracks)?;
                }
                fmp4::Event::Sample(sample) => self.movie_sample(pad, sample),
                fmp4::Event::Fragment(fragment) => {
                    if let Content::Movie(movie) = &mut imp.stream().content {
                        movie.surround(fragment);
                    }
                }
            }
        }
        self.release(pad, Release::Known)?;
        if let Err(error) = pushed {
            let message = gst::error_msg!(
                gst::StreamError::Demux,
                (
                    "The fragmented MP4 on {} cannot be read: {error}",
                    pad.name()
                )
            );
            return Err(self.refuse(pad, FlowError::Error, message));
        }
        Ok(FlowSuccess::Ok)
    }

    pub(in super::super) fn movie_tracks(
        &self,
        pad: &MoqSinkPad,
        tracks: Vec<fmp4::Track>,
    ) -> Result<(), FlowError> {
        let now = Instant::now();
        let (good, bad): (Vec<_>, Vec<_>) =
            tracks.into_iter().partition(|track| track.config.is_ok());
        let reasons: Vec<_> = bad
            .iter()
            .filter_map(|track| track.config.as_ref().err())
            .map(ToString::to_string)
            .collect();
        if good.is_empty() {
            let message = gst::error_msg!(
                gst::StreamError::CodecNotFound,
                (
                    "The MP4 on {} has no track that can be published ({})",
                    pad.name(),
                    reasons.join("; ")
                )
            );
            return Err(self.refuse(pad, FlowError::Error, message));
        }
        if !reasons.is_empty() {
            gst::element_imp_warning!(
                self,
                gst::StreamError::CodecNotFound,
                (
                    "Not every track of the MP4 is published: {}",
                    reasons.join("; ")
                )
            );
        }
        let options = self.options(pad);
        let mut stream = pad.imp().stream();
        let mut options = stream.tags.complete(options);
        if good.len() > 1 {
            options.name = None;
            options.details = Details::default();
        }
        let Stream { content, input, .. } = &mut *stream;
        let (Content::Movie(movie), Some(input)) = (content, input) else {
            return Ok(());
        };
        let listed: Vec<_> = good.iter().map(|track| track.id).collect();
        movie
            .retire(&listed)
            .into_iter()
            .for_each(|gone| gone.end(now));
        let result = good.into_iter().try_for_each(|track| {
            let Ok(config) = track.config else {
                return Ok(());
            };
            let init = movie.init(track.id);
            if let Some(known) = movie.track(track.id) {
                known.writer.configure_of(config, init.as_ref(), now)?;
                movie.set_timescale(track.id, track.timescale);
                return Ok(());
            }
            let writer = input.track_of(&options, config, init.as_ref())?;
            movie.set(track.id, track.timescale, writer);
            Ok(())
        });
        input.ready(now);
        drop(stream);
        result.map_err(|error: publish::Error| self.fail(pad, &error))
    }

    pub(in super::super) fn movie_sample(&self, pad: &MoqSinkPad, sample: fmp4::Sample) {
        let now = self.now();
        let mut stream = pad.imp().stream();
        let Content::Movie(movie) = &mut stream.content else {
            return;
        };
        let Some(times) = movie.times(&sample, now.unwrap_or(0)) else {
            return;
        };
        let reference = movie.wall_time(times.pts);
        let Some(track) = movie.track(sample.track) else {
            return;
        };
        let Some(timing) = self.place(&mut track.place, &times, now) else {
            return self.early(pad, stream);
        };
        movie.add(sample, &times, timing);
        stream.extend(i128::from(timing.due.nseconds()));
        drop(stream);
        self.note_wall_time(timing, reference);
    }

    /// Sends samples of a movie, each when it is due.
    pub(in super::super) fn release(
        &self,
        pad: &MoqSinkPad,
        which: Release,
    ) -> Result<(), FlowError> {
        loop {
            let mut stream = pad.imp().stream();
            let Content::Movie(movie) = &mut stream.content else {
                return Ok(());
            };
            if which == Release::All {
                movie.end_fragments();
            }
            let Some(due) = movie.queue.due() else {
                return Ok(());
            };
            let known = which == Release::All || movie.is_complete();
            drop(stream);
            if self.sync() && !known && !self.pace.is_due(self.obj().upcast_ref(), due) {
                // What comes next may be due before.
                return Ok(());
            }
            let punctual = self.wait(pad, due)?;

            let mut stream = pad.imp().stream();
            let Content::Movie(movie) = &mut stream.content else {
                return Ok(());
            };
            let Some(scheduled) = movie.queue.pop() else {
                return Ok(());
            };
            let Scheduled {
                track,
                samples,
                fragment,
                ..
            } = scheduled;
            let Some(track) = movie.track(track) else {
                continue;
            };
            if punctual == Punctual::No {
                track.writer.skip();
                continue;
            }
            let now = Instant::now();
            let written = track.writer.write_fragment(samples, fragment.as_ref(), now);
            let wanted = track.key_units.is_wanted(&track.writer, now);
            drop(stream);
            if wanted {
                self.ask_for_keyframe(pad);
            }
            if let Err(error) = written {
                return Err(self.fail(pad, &error));
            }
        }
    }
}

fn next_event(pad: &MoqSinkPad) -> Option<fmp4::Event> {
    match &mut pad.imp().stream().content {
        Content::Movie(movie) => movie.next(),
        _ => None,
    }
}
