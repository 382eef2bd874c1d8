//! The way in: hands an event to the one actor that owns the aggregate.

use backstage_core::experience::{ExperienceEvent, ExperienceRejection};
use backstage_core::space::{SpaceEvent, SpaceRejection};
use backstage_core::stream::{StreamEvent, StreamRejection};
use backstage_core::{ExperienceId, SpaceId};

use crate::ports::{Path, Settles};

/// What came of an event that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The aggregate's version afterwards.
    pub version: i64,
    /// `false` if the event changed nothing.
    pub changed: bool,
}

/// Why an event was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<R: std::error::Error> {
    /// The domain says no; asking again changes nothing.
    #[error("{0}")]
    Rejected(R),
    /// The address is taken by another.
    #[error("this address is taken")]
    SlugTaken,
    /// It was taken before (a repetition).
    #[error("taken already")]
    AlreadySettled,
    /// Try again: too many messages wait, the owner is being rebuilt, or the store is away.
    #[error("not available just now: {0}")]
    Unavailable(String),
}
