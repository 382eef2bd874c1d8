//! Who may watch a recording: loads what `core::access` asks for. Page, playlist, segment, file, picture and place all
//! come through here.

use actix_web::http::StatusCode;
use backstage_core::access::{Decision, Denial, Person};
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use std::sync::Arc;

use super::{Recording, store};
use crate::access;
use crate::error::Problem;
use crate::session::Session;
use crate::state::State;

/// A recording with what it belongs to.
pub struct Found {
    /// It.
    pub recording: Recording,
    /// Its space.
    pub space: Arc<Space>,
    /// Its experience.
    pub experience: Experience,
}

/// The recording with this id; 404 if there is none.
pub async fn find(state: &State, id: &str) -> Result<Found, Problem> {
    let recording = store::find(&state.db, id).await?.ok_or_else(Problem::not_found)?;
    let snapshot = state.live.snapshot(&recording.experience).await?.ok_or_else(Problem::not_found)?;
    let space = state.live.space(&recording.space).await?.ok_or_else(Problem::not_found)?;
    Ok(Found { recording, space, experience: snapshot.experience.clone() })
}

impl Found {
    /// What this person is told; `None`: that there is nothing.
    pub fn decide(&self, state: &State, person: &Person) -> Option<Decision> {
        access::judge_recording(state, person, &self.space, &self.experience, self.recording.rule)
    }

    /// Nothing if this person may watch, else why not.
    pub fn admit(&self, state: &State, person: &Person) -> Result<(), Problem> {
        match self.decide(state, person) {
            Some(Decision::Allowed { .. }) => Ok(()),
            Some(Decision::Denied(denial)) => Err(denied(denial)),
            None => Err(Problem::not_found()),
        }
    }

    /// The same for a visitor; gives the person.
    pub async fn admit_visitor(&self, state: &State, session: Option<&Session>) -> Result<Arc<Person>, Problem> {
        let person = access::person(state, session, &self.space).await?;
        self.admit(state, &person)?;
        Ok(person)
    }
}

fn denied(denial: Denial) -> Problem {
    let detail = match denial {
        Denial::NeedsPass => "You need a pass to watch this. Join on the page of the show.",
        Denial::Expired => "Your pass has expired. Get a new one on the page of the show.",
        Denial::Revoked => "Your pass was withdrawn. Ask the creator about it.",
        Denial::Suspended => "This space is closed.",
    };
    Problem::new(StatusCode::FORBIDDEN, denial.code(), detail)
}
