//! A space: a team's place under one address, with its experiences in order.
//!
//! | state | event | then |
//! |---|---|---|
//! | open | edit, add experience, reorder | as told |
//! | open | revise what was read before | as told, unless somebody changed it meanwhile |
//! | open | suspend | suspended: nothing in it may be watched |
//! | suspended | reinstate | open |

#[cfg(test)]
mod tests;

use crate::effect::Effect;
use crate::ids::*;
use crate::machine::{Index, Kind, Machine};
use crate::slug::Slug;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest name in characters.
pub const NAME_CHARS_MAX: usize = 80;
/// Longest headline in characters.
pub const HEADLINE_CHARS_MAX: usize = 160;
/// Longest description in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// Most experiences in a space.
pub const EXPERIENCES_MAX: usize = 200;

/// What a team editor may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The address `/{slug}`, unique everywhere.
    pub slug: Slug,
    /// 1 to [`NAME_CHARS_MAX`] characters.
    pub name: String,
    /// Up to [`HEADLINE_CHARS_MAX`] characters.
    pub headline: String,
    /// Up to [`DESCRIPTION_CHARS_MAX`] characters.
    pub description: String,
}

/// A space. Changes only through [`Machine::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    /// The team that owns it.
    pub team: TeamId,
    /// What the team set.
    pub settings: Settings,
    /// Its experiences, first one first.
    pub experiences: Vec<ExperienceId>,
    /// Closed by an operator.
    pub suspended: bool,
}

/// What happens to a space.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SpaceEvent {
    /// First event of a life.
    Create { id: SpaceId, team: TeamId, settings: Settings },
    /// New settings.
    Edit { settings: Settings },
    /// New settings of somebody who read `was`: refused if it is no longer so, and nobody's words are lost.
    Revise { was: Settings, settings: Settings },
    /// One more experience, put last; one that is there already stays where it is.
    AddExperience { experience: ExperienceId },
    /// A new order of the same experiences.
    Reorder { experiences: Vec<ExperienceId> },
    /// An operator closes the space.
    Suspend,
    /// An operator opens it again.
    Reinstate,
}

/// Why a space refuses an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpaceRejection {
    /// Its first event must be `Create`.
    #[error("this space does not exist")]
    NotCreated,
    /// `Create` came twice.
    #[error("this space exists already")]
    AlreadyCreated,
    /// Name empty or over [`NAME_CHARS_MAX`].
    #[error("a name has 1 to 80 characters")]
    BadName,
    /// Headline over [`HEADLINE_CHARS_MAX`].
    #[error("a headline has up to 160 characters")]
    BadHeadline,
    /// Description over [`DESCRIPTION_CHARS_MAX`].
    #[error("a description has up to 4,000 characters")]
    BadDescription,
    /// [`EXPERIENCES_MAX`] reached.
    #[error("a space has up to 200 experiences")]
    Full,
    /// The settings are no longer those that were read.
    #[error("somebody changed this meanwhile; load it again")]
    ChangedMeanwhile,
    /// The new order does not name the same experiences.
    #[error("the list has changed meanwhile; load it again")]
    OtherExperiences,
}

impl Settings {
    fn check(&self) -> Result<(), SpaceRejection> {
        if !(1..=NAME_CHARS_MAX).contains(&self.name.trim().chars().count()) {
            return Err(SpaceRejection::BadName);
        }
        if self.headline.chars().count() > HEADLINE_CHARS_MAX {
            return Err(SpaceRejection::BadHeadline);
        }
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(SpaceRejection::BadDescription);
        }
        Ok(())
    }
}

impl Machine for Space {
    const KIND: Kind = Kind::Space;
    type Event = SpaceEvent;
    type Rejection = SpaceRejection;

    fn begin(_now: Timestamp, event: SpaceEvent) -> Result<(Space, Vec<Effect>), SpaceRejection> {
        let SpaceEvent::Create { id, team, settings } = event else {
            return Err(SpaceRejection::NotCreated);
        };
        settings.check()?;
        Ok((Space { id, team, settings, experiences: vec![], suspended: false }, vec![]))
    }

    fn apply(&mut self, _now: Timestamp, event: SpaceEvent) -> Result<Vec<Effect>, SpaceRejection> {
        match event {
            SpaceEvent::Create { .. } => return Err(SpaceRejection::AlreadyCreated),
            SpaceEvent::Edit { settings } => {
                settings.check()?;
                self.settings = settings;
            }
            SpaceEvent::Revise { was, .. } if was != self.settings => return Err(SpaceRejection::ChangedMeanwhile),
            SpaceEvent::Revise { settings, .. } => {
                settings.check()?;
                self.settings = settings;
            }
            SpaceEvent::AddExperience { experience } if self.experiences.contains(&experience) => {}
            SpaceEvent::AddExperience { experience } => {
                if self.experiences.len() >= EXPERIENCES_MAX {
                    return Err(SpaceRejection::Full);
                }
                self.experiences.push(experience);
            }
            SpaceEvent::Reorder { experiences } => {
                let mut held = self.experiences.clone();
                let mut given = experiences.clone();
                held.sort();
                given.sort();
                if held != given {
                    return Err(SpaceRejection::OtherExperiences);
                }
                self.experiences = experiences;
            }
            SpaceEvent::Suspend => self.suspended = true,
            SpaceEvent::Reinstate => self.suspended = false,
        }
        Ok(vec![])
    }

    fn index(&self) -> Index {
        let phase = if self.suspended { "suspended" } else { "open" };
        Index { parent: self.team.to_string(), slug: Some(self.settings.slug.to_string()), phase }
    }

    fn event_name(event: &SpaceEvent) -> &'static str {
        match event {
            SpaceEvent::Create { .. } => "created",
            SpaceEvent::Edit { .. } | SpaceEvent::Revise { .. } => "edited",
            SpaceEvent::AddExperience { .. } => "experience_added",
            SpaceEvent::Reorder { .. } => "reordered",
            SpaceEvent::Suspend => "suspended",
            SpaceEvent::Reinstate => "reinstated",
        }
    }

    fn cause(event: &SpaceEvent) -> &'static str {
        match event {
            SpaceEvent::Create { .. }
            | SpaceEvent::Edit { .. }
            | SpaceEvent::Revise { .. }
            | SpaceEvent::AddExperience { .. }
            | SpaceEvent::Reorder { .. } => "creator",
            SpaceEvent::Suspend | SpaceEvent::Reinstate => "operator",
        }
    }
}
