//! Groups on the wire: the header of a stream and the heads of its objects.

use bytes::{Buf, BufMut};

use crate::moq_lite::coding::{BoundsExceeded, Decode, DecodeError, Encode};

/// What the first number on a group's stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupFlags {
    /// Objects have extensions.
    pub has_extensions: bool,
    /// The header names the subgroup.
    pub has_subgroup: bool,
    /// The number of the first object is the subgroup's.
    pub has_subgroup_object: bool,
    /// The last object on the stream is the last of the group.
    pub has_end: bool,
}

impl GroupFlags {
    /// The least number.
    pub const START: u64 = 0x10;
    /// The largest number.
    pub const END: u64 = 0x1d;

    /// The number. Where both subgroup flags are set, the header names the
    /// subgroup; the seed panicked.
    pub fn encode(&self) -> u64 {
        let first_object = self.has_subgroup_object && !self.has_subgroup;
        Self::START
            | u64::from(self.has_extensions)
            | u64::from(first_object) << 1
            | u64::from(self.has_subgroup) << 2
            | u64::from(self.has_end) << 3
    }

    /// What a number says.
    ///
    /// # Errors
    /// [`DecodeError::InvalidMessage`] when it is none of a group's stream.
    pub fn decode(id: u64) -> Result<Self, DecodeError> {
        if !(Self::START..=Self::END).contains(&id) || id & 0b110 == 0b110 {
            return Err(DecodeError::InvalidMessage(id));
        }
        Ok(Self {
            has_extensions: id & 1 != 0,
            has_subgroup_object: id & 2 != 0,
            has_subgroup: id & 4 != 0,
            has_end: id & 8 != 0,
        })
    }
}

impl Default for GroupFlags {
    /// The whole group is on the stream, and nothing but it.
    fn default() -> Self {
        Self {
            has_extensions: false,
            has_subgroup: false,
            has_subgroup_object: false,
            has_end: true,
        }
    }
}

/// What a group's stream begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHeader {
    /// Stands for the track.
    pub track_alias: u64,
    /// The group's number.
    pub group_id: u64,
    /// The subgroup's number, 0 where the header does not name it.
    pub sub_group_id: u64,
    /// Lower numbers are sent first.
    pub publisher_priority: u8,
    /// What the first number says.
    pub flags: GroupFlags,
}

impl<V: Clone> Encode<V> for GroupHeader {
    fn encode<W: BufMut>(&self, w: &mut W, version: V) -> Result<(), BoundsExceeded> {
        if !self.flags.has_subgroup && self.sub_group_id != 0 {
            return Err(BoundsExceeded);
        }
        self.flags.encode().encode(w, version.clone())?;
        self.track_alias.encode(w, version.clone())?;
        self.group_id.encode(w, version.clone())?;
        if self.flags.has_subgroup {
            self.sub_group_id.encode(w, version.clone())?;
        }
        self.publisher_priority.encode(w, version)
    }
}

impl<V: Clone> Decode<V> for GroupHeader {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let flags = GroupFlags::decode(u64::decode(buf, version.clone())?)?;
        let track_alias = u64::decode(buf, version.clone())?;
        let group_id = u64::decode(buf, version.clone())?;
        let sub_group_id = if flags.has_subgroup {
            u64::decode(buf, version.clone())?
        } else {
            0
        };
        Ok(Self {
            track_alias,
            group_id,
            sub_group_id,
            publisher_priority: u8::decode(buf, version)?,
            flags,
        })
    }
}

/// What stands for an object without payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectStatus {
    /// It is empty.
    Normal,
    /// There is none with this number.
    DoesNotExist,
    /// None follows in its group.
    EndOfGroup,
    /// None follows in its track.
    EndOfTrack,
}

impl ObjectStatus {
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Normal => 0,
            Self::DoesNotExist => 1,
            Self::EndOfGroup => 3,
            Self::EndOfTrack => 4,
        }
    }
}

impl<V> Decode<V> for ObjectStatus {
    fn decode<B: Buf>(buf: &mut B, version: V) -> Result<Self, DecodeError> {
        let number = u64::decode(buf, version)?;
        [
            Self::Normal,
            Self::DoesNotExist,
            Self::EndOfGroup,
            Self::EndOfTrack,
        ]
        .into_iter()
        .find(|status| status.number() == number)
        .ok_or(DecodeError::InvalidValue)
    }
}
