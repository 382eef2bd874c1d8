//! The list of an experience's recordings, the page of one, and what the team does with it.

use actix_web::{HttpResponse, web};
use backstage_core::access::{Decision, Denial, Person, RecordingRule};
use backstage_core::experience::{Experience, TITLE_CHARS_MAX};
use backstage_core::recording::Recorder;
use backstage_core::space::Space;
use backstage_core::stream::Phase;
use serde::Deserialize;

use super::views::{
    Chapter, RecordingCard, RecordingForm, RecordingIndex, RecordingPending, RecordingPlayed, RecordingShow,
    RecordingTools,
};
use super::{PLAYLIST, POSTER, Recording, VIDEO, media, store, words};
use crate::access;
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::experience::routes::{at_address, space_ref};
use crate::experience::views::ExperiencePage;
use crate::objects::doomed;
use crate::page::{FormErrors, Moment, initials, one_line, see_other, show as render, show_again};
use crate::poster;
use crate::security::visitor::Visit;
use crate::space::routes::creator;
use crate::state::State;
use crate::studio::routes::{Wants, find};

/// So many of the newest streams are looked through for recordings on their way.
const PENDING_STREAMS_MAX: u32 = 10;

/// `GET /m/{space}/{experience}/recordings`
pub async fn index(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, experience) = match at_address(state, &address.0, &address.1).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&format!("{moved}/recordings"))),
    };
    let person = access::person(state, at.session.as_deref(), &space).await?;
    let page = ExperiencePage::of(&space.settings.slug, &experience, None);
    let places = match &at.session {
        Some(session) => store::positions(&state.db, &session.user, &experience.id).await?,
        None => Default::default(),
    };
    let mut recordings = vec![];
    for recording in store::of_experience(&state.db, &experience.id).await? {
        let decision = access::judge_recording(state, &person, &space, &experience, recording.rule);
        let Some(decision) = decision else { continue };
        let allowed = matches!(decision, Decision::Allowed { .. });
        let place = places.get(&recording.id).copied();
        recordings.push(card(&at, &page, &recording, allowed, place, &person));
    }
    let pending = pending(state, &experience, &person).await?;
    let view = RecordingIndex {
        page: at.page(page_title(&experience.settings.title)),
        space: space_ref(state, &space).await?,
        recordings,
        is_busy: pending.iter().any(|one| !one.failed),
        pending,
        mark: initials(&experience.settings.title),
        is_team: person.role.is_some(),
        experience: page,
    };
    render(&view)
}

fn page_title(experience: &str) -> String {
    crate::locale::text_with("recording.title_of", "title", experience)
}

fn card(
    at: &Visit,
    page: &ExperiencePage,
    recording: &Recording,
    allowed: bool,
    place: Option<i64>,
    person: &Person,
) -> RecordingCard {
    let rule = match recording.rule {
        RecordingRule::Experience => None,
        RecordingRule::Open | RecordingRule::Team => person.role.map(|_| recording.rule.as_str()),
    };
    RecordingCard {
        id: recording.id.clone(),
        url: format!("{}/recordings/{}", page.url, recording.id),
        title: recording.title.clone(),
        started: recording.started_at.into(),
        duration: words::clock(recording.duration_ms),
        duration_words: words::length(recording.duration_ms),
        poster: allowed.then(|| media::url(at, &recording.id, POSTER)),
        locked: !allowed,
        resume: place.filter(|_| allowed).map(|ms| (words::clock(ms), ms * 100 / recording.duration_ms.max(1))),
        rule,
    }
}

/// Recordings on their way into the archive; those that never got there are for the team.
async fn pending(state: &State, experience: &Experience, person: &Person) -> Result<Vec<RecordingPending>, Problem> {
    let mut pending = vec![];
    for stream in state.store.last_streams_of(&experience.id, PENDING_STREAMS_MAX).await? {
        let stream = stream.state;
        let live_since = match &stream.phase {
            Phase::Ended { live_since, .. } | Phase::Archived { live_since, .. } => *live_since,
            Phase::Scheduled { .. }
            | Phase::Lobby { .. }
            | Phase::Live { .. }
            | Phase::Reconnecting { .. }
            | Phase::Cancelled { .. } => continue,
        };
        let failed = match &stream.recorder {
            Recorder::Stopping | Recorder::Archiving => false,
            Recorder::Failed if person.role.is_some() => true,
            Recorder::Failed
            | Recorder::Off { .. }
            | Recorder::Planned
            | Recorder::Starting { .. }
            | Recorder::Running { .. }
            | Recorder::Broken { .. }
            | Recorder::Kept { .. }
            | Recorder::Empty
            | Recorder::Refused => continue,
        };
        // Its row may be there a moment before the stream knows, or after an operator tried once more.
        if store::of_stream(&state.db, &stream.id).await?.is_some() {
            continue;
        }
        let percent = state.archiver.percent(&stream.id);
        pending.push(RecordingPending { started: live_since.into(), failed, percent });
    }
    Ok(pending)
}

/// `GET /m/{space}/{experience}/recordings/{id}`
pub async fn show(at: Visit, address: web::Path<(String, String, String)>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, experience) = match at_address(state, &address.0, &address.1).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&format!("{moved}/recordings/{}", address.2))),
    };
    let recording = of(state, &experience, &address.2).await?;
    render(&view(&at, &space, &experience, &recording, None).await?)
}

/// A recording of this very experience.
async fn of(state: &State, experience: &Experience, id: &str) -> Result<Recording, Problem> {
    let recording = store::find(&state.db, id).await?;
    recording.filter(|found| found.experience == experience.id).ok_or_else(Problem::not_found)
}

async fn view(
    at: &Visit,
    space: &Space,
    experience: &Experience,
    recording: &Recording,
    again: Option<(RecordingForm, FormErrors)>,
) -> Result<RecordingShow, Problem> {
    let state = &at.state;
    let person = access::person(state, at.session.as_deref(), space).await?;
    let decision = access::judge_recording(state, &person, space, experience, recording.rule);
    let (allowed, access) = match decision.ok_or_else(Problem::not_found)? {
        Decision::Allowed { .. } => (true, "allowed"),
        Decision::Denied(Denial::NeedsPass) => (false, "needs_pass"),
        Decision::Denied(Denial::Expired | Denial::Revoked | Denial::Suspended) => (false, "refused"),
    };
    let played = if allowed { Some(played(at, recording).await?) } else { None };
    let poster = poster::store::of(&state.db, &experience.id).await?;
    Ok(RecordingShow {
        page: at.page(recording.title.clone()),
        space: space_ref(state, space).await?,
        creator: creator(state, &space.team).await?,
        id: recording.id.clone(),
        title: recording.title.clone(),
        started: recording.started_at.into(),
        duration_words: words::length(recording.duration_ms),
        recording: played,
        access,
        chapters: if allowed { chapters(recording) } else { vec![] },
        tools: allowed.then(|| tools(at, space, experience, recording, &person, again)).flatten(),
        experience: ExperiencePage::of(&space.settings.slug, experience, poster),
    })
}

async fn played(at: &Visit, recording: &Recording) -> Result<RecordingPlayed, Problem> {
    let (place_ms, progress_url) = match &at.session {
        Some(session) => (
            store::position(&at.state.db, &session.user, &recording.id).await?,
            format!("/api/v1/recordings/{}/position", recording.id),
        ),
        None => (None, String::new()),
    };
    Ok(RecordingPlayed {
        id: recording.id.clone(),
        src: media::url(at, &recording.id, PLAYLIST),
        poster_url: Some(media::url(at, &recording.id, POSTER)),
        duration_s: recording.duration_ms / 1_000,
        progress_url,
        place_s: place_ms.unwrap_or(0) / 1_000,
    })
}

/// One for each stretch, when something is missing between two.
fn chapters(recording: &Recording) -> Vec<Chapter> {
    if recording.cuts.is_empty() {
        return vec![];
    }
    let begins = |at_ms| recording.cuts.iter().find(move |cut| cut.at_ms == at_ms);
    let stretches = recording.stretches.iter().enumerate();
    stretches
        .filter(|(nth, stretch)| *nth == 0 || begins(stretch.at_ms).is_some())
        .map(|(_, stretch)| Chapter {
            at_s: stretch.at_ms / 1_000,
            at: words::clock(stretch.at_ms),
            captured: Moment::from(backstage_core::Timestamp(stretch.captured_ms)),
            // Where time is missing nothing shows a clock: to the nearest second.
            missing: begins(stretch.at_ms).map(|cut| words::length(cut.missing_ms + 500)),
        })
        .collect()
}

fn tools(
    at: &Visit,
    space: &Space,
    experience: &Experience,
    recording: &Recording,
    person: &Person,
    again: Option<(RecordingForm, FormErrors)>,
) -> Option<RecordingTools> {
    let role = person.role?;
    let (form, errors) = again.unwrap_or_else(|| {
        let rule = recording.rule.as_str().to_owned();
        (RecordingForm { title: recording.title.clone(), rule }, FormErrors::default())
    });
    let slugs = (&space.settings.slug, &experience.settings.slug);
    Some(RecordingTools {
        download_url: format!("{}?download=1", media::url(at, &recording.id, VIDEO)),
        size: words::size(recording.bytes),
        expires: recording.expires_at.map(Moment::from),
        form: role.may_edit().then_some(form),
        errors,
        action: format!("/studio/{}/{}/recordings/{}", slugs.0, slugs.1, recording.id),
    })
}

/// What is typed about a recording.
#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    title: String,
    #[serde(default)]
    rule: String,
}

/// `POST /studio/{space}/{experience}/recordings/{id}/edit`
pub async fn update(
    at: Visit,
    address: web::Path<(String, String, String)>,
    typed: web::Form<Typed>,
) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    let (state, experience) = (&at.state, experience.state);
    state.limits.writes_per_network.take(&at.network())?;
    let recording = of(state, &experience, &address.2).await?;
    let mut errors = FormErrors::default();
    let title = one_line(&typed.title);
    if title.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        errors.add("title", "experience.form.title_bad");
    }
    let rule = RecordingRule::parse(&typed.rule);
    if rule.is_none() {
        errors.add("rule", "space.form.bad_value");
    }
    let (Some(rule), true) = (rule, errors.is_empty()) else {
        let form = RecordingForm { title: typed.title.clone(), rule: typed.rule.clone() };
        return show_again(&view(&at, &space, &experience, &recording, Some((form, errors))).await?);
    };
    if !store::edit(&state.db, &recording.id, &title, rule).await? {
        return Err(Problem::not_found());
    }
    let page = format!("/m/{}/{}/recordings/{}", space.settings.slug, experience.settings.slug, recording.id);
    Ok(at.see_other_with(&page, "recording.saved"))
}

/// `POST /studio/{space}/{experience}/recordings/{id}/delete`
pub async fn delete(at: Visit, address: web::Path<(String, String, String)>) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    let (state, experience) = (&at.state, experience.state);
    state.limits.writes_per_network.take(&at.network())?;
    let recording = of(state, &experience, &address.2).await?;
    store::delete(&state.db, &recording, state.clock.now()).await?;
    audit::record(state, &at.person()?.user, Action::RecordingDeleted, &recording.id).await?;
    doomed::look(state).await?;
    let list = format!("/m/{}/{}/recordings", space.settings.slug, experience.settings.slug);
    Ok(at.see_other_with(&list, "recording.deleted"))
}
