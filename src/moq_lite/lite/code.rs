//! Error codes on the wire.
//!
//! Versions 01 and 02 use the codes of [`Error::to_code`] everywhere. From 03
//! on sessions and streams have a table each.

use super::Version;
use crate::moq_lite::Error;

/// Where the codes of applications start, in every table.
const APP: u32 = 64;

impl Version {
    /// The code for RESET_STREAM and STOP_SENDING.
    pub(crate) fn stream_code(self) -> fn(&Error) -> u32 {
        if self.has_session_stream() {
            Error::to_code
        } else {
            stream
        }
    }

    /// The code with which a session is closed.
    pub(crate) fn session_code(self) -> fn(&Error) -> u32 {
        if self.has_session_stream() {
            Error::to_code
        } else {
            session
        }
    }
}

fn stream(err: &Error) -> u32 {
    match err {
        Error::Cancel => 0x01,
        Error::Duplicate
        | Error::ProtocolViolation
        | Error::Decode(_)
        | Error::TooManyParameters
        | Error::UnexpectedMessage => 0x12,
        Error::Timeout => 0x31,
        Error::NotFound | Error::Unauthorized => 0x33,
        Error::Old => 0x34,
        Error::WrongSize => 0x37,
        Error::TooLarge | Error::BoundsExceeded(_) => 0x38,
        Error::App(code) => code.saturating_add(APP),
        Error::RequiredExtension(_)
        | Error::Transport(_)
        | Error::Version(..)
        | Error::UnexpectedStream
        | Error::Unsupported
        | Error::InvalidRole => 0x00,
    }
}

fn session(err: &Error) -> u32 {
    match err {
        Error::Cancel => 0x00,
        Error::Unauthorized | Error::InvalidRole => 0x02,
        Error::Decode(_)
        | Error::Duplicate
        | Error::ProtocolViolation
        | Error::UnexpectedMessage
        | Error::UnexpectedStream
        | Error::WrongSize
        | Error::TooLarge => 0x03,
        Error::TooManyParameters => 0x06,
        Error::Timeout => 0x11,
        Error::Version(..) => 0x15,
        Error::App(code) => code.saturating_add(APP),
        Error::RequiredExtension(_)
        | Error::Transport(_)
        | Error::BoundsExceeded(_)
        | Error::Old
        | Error::NotFound
        | Error::Unsupported => 0x01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_versions_keep_the_first_table() {
        for (version, not_found) in [(Version::Draft02, 13), (Version::Draft03, 0x33)] {
            assert_eq!(version.stream_code()(&Error::NotFound), not_found);
        }
        assert_eq!(Version::Draft01.session_code()(&Error::Duplicate), 12);
        assert_eq!(Version::Draft06.session_code()(&Error::Duplicate), 3);
        assert_eq!(
            Version::Draft06.stream_code()(&Error::App(u32::MAX)),
            u32::MAX
        );
    }
}
