//! The viewer page, joining, the calendar entry; making and editing an experience.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_actors::stage::Refusal;
use backstage_core::access::{Decision, Denial, Rule, Via};
use backstage_core::experience::{Experience, ExperienceEvent, ExperienceRejection, Settings};
use backstage_core::space::Space;
use backstage_core::stream::{Phase, Stream};
use backstage_core::{ExperienceId, PassId, SpaceId, StreamId, Timestamp};
use serde::Deserialize;

use super::calendar;
use super::form::{Typed, at_field, rule_word};
use super::kinds::embed::Embed;
use super::kinds::{self, Kind};
use super::views::{EmbedShow, ExperienceEdit, ExperienceForm, ExperienceNew, ExperiencePage, ExperienceShow};
use crate::access::view_as::ViewAs;
use crate::error::{Problem, refused};
use crate::live::broadcasts;
use crate::page::{FormErrors, Moment, Page, Social, initials, see_other, show as render, show_again};
use crate::pass::offer;
use crate::sales::views::Logo;
use crate::security::visitor::Visit;
use crate::space::routes::{creator, moved_space};
use crate::space::views::{PassChip, SpaceRef};
use crate::state::State;
use crate::studio::routes::{Wants, find, find_space};
use crate::{access, alert, pass, poster, price, recording, sales, space};

/// The experience at an address, or where it has moved to.
pub async fn at_address(
    state: &State,
    space: &str,
    experience: &str,
) -> Result<Result<(Space, Experience), String>, Problem> {
    let (held, moved) = match state.store.find_space(space).await? {
        Some(found) => (found.state, false),
        None => (moved_space(state, space).await?.ok_or_else(Problem::not_found)?, true),
    };
    let found = match state.store.find_experience(&held.id, experience).await? {
        Some(found) => found.state,
        None => {
            let target = space::store::given_up(&state.db, "experience", held.id.as_str(), experience).await?;
            let id = target.and_then(|target| ExperienceId::parse(&target).ok()).ok_or_else(Problem::not_found)?;
            let found = state.store.experience(&id).await?.ok_or_else(Problem::not_found)?;
            return Ok(Err(format!("/m/{}/{}", held.settings.slug, found.state.settings.slug)));
        }
    };
    if moved {
        return Ok(Err(format!("/m/{}/{}", held.settings.slug, found.settings.slug)));
    }
    Ok(Ok((held, found)))
}

/// `GET /m/{space}`: to its first experience.
pub async fn first(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let space = match at.state.store.find_space(&slug).await? {
        Some(found) => found.state,
        None => moved_space(&at.state, &slug).await?.ok_or_else(Problem::not_found)?,
    };
    let experiences = at.state.store.experiences_of(&space.id).await?;
    let target = match experiences.first() {
        Some(first) => format!("/m/{}/{}", space.settings.slug, first.state.settings.slug),
        None => format!("/{}", space.settings.slug),
    };
    Ok(HttpResponse::Found().insert_header(("Location", target)).finish())
}

/// `GET /m/{space}/{experience}`, and `.ics` at its end for the calendar.
pub async fn show(
    at: Visit,
    address: web::Path<(String, String)>,
    view: web::Query<ViewAs>,
) -> Result<HttpResponse, Problem> {
    if let Some(slug) = address.1.strip_suffix(".ics") {
        return calendar_file(&at, &address.0, slug).await;
    }
    let state = &at.state;
    let (space, experience) = match at_address(state, &address.0, &address.1).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&moved)),
    };
    let person = access::person(state, at.session.as_deref(), &space).await?;
    let (person, view_as) = view.seen_by(state, &space, person).await?;
    let decision = access::judge(state, &person, &space, &experience);
    let snapshot = state.live.snapshot(&experience.id).await?.ok_or_else(Problem::not_found)?;
    let (access, pass) = match &decision {
        Decision::Allowed { via: Via::Pass(pass), until } => ("allowed", chip(state, pass, *until).await?),
        Decision::Allowed { .. } => ("allowed", None),
        Decision::Denied(Denial::NeedsPass) => ("needs_pass", None),
        Decision::Denied(Denial::Expired) => {
            let passes = offer::passes(state, &space.id).await?;
            let shelf = price::store::shelf(&state.db, &space.id).await?;
            let other = offer::opening(&passes, &shelf, &experience.id, &person);
            (if other.is_some() { "needs_pass" } else { "suspended" }, None)
        }
        Decision::Denied(Denial::Revoked | Denial::Suspended) => ("suspended", None),
    };
    let kind = kinds::store::of(&state.db, &experience.id).await?;
    if let Kind::Embed(embed) = &kind {
        let may_edit = person.role.is_some_and(|role| role.may_edit());
        let seen = Seen { access, pass, may_edit, view_as };
        return show_embed(&at, &space, &experience, embed, seen).await;
    }
    let notify = match at.account() {
        Ok(person) if alert::store::wanted(&state.db, &person.user, &experience.id).await? => "on",
        Ok(person) if person.email.is_none() => "no_mail",
        Ok(_) => "off",
        Err(_) => "sign_in",
    };
    let poster = poster::store::of(&state.db, &experience.id).await?;
    let rules = recording::store::rules(&state.db, &experience.id).await?;
    let seen = |rule| access::judge_recording(state, &person, &space, &experience, rule).is_some();
    let path = format!("/m/{}/{}", space.settings.slug, experience.settings.slug);
    let texts = [experience.settings.description.as_str(), space.settings.headline.as_str()];
    let social = Social::of(&state.site.public_url, &path, texts, poster.as_ref());
    let view = ExperienceShow {
        recordings: rules.into_iter().any(seen),
        page: Page { social: Some(social), ..at.page(experience.settings.title.clone()) },
        creator: creator(state, &space.team).await?,
        access: access.into(),
        pass,
        initial: initial(snapshot.stream.as_ref()).into(),
        starts_at: experience.settings.starts_at.map(Moment::from),
        state_json: broadcasts::state(&snapshot.body, state.clock.now()),
        is_host: person.role.is_some_and(|role| role.may_host()),
        experience: ExperiencePage::of(&space.settings.slug, &experience, poster),
        notify: notify.into(),
        view_as,
        logo: sales::store::of(&state.db, &space.id).await?.logo.as_ref().map(Logo::of),
        space: space_ref(state, &space).await?,
    };
    render(&view)
}

/// What a visitor is to what they look at.
struct Seen {
    access: &'static str,
    pass: Option<PassChip>,
    may_edit: bool,
    /// As whom a team member looks.
    view_as: Option<String>,
}

async fn show_embed(
    at: &Visit,
    space: &Space,
    experience: &Experience,
    embed: &Embed,
    seen: Seen,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let poster = poster::store::of(&state.db, &experience.id).await?;
    let path = format!("/m/{}/{}", space.settings.slug, experience.settings.slug);
    let texts = [experience.settings.description.as_str(), space.settings.headline.as_str()];
    let social = Social::of(&state.site.public_url, &path, texts, poster.as_ref());
    let origin = embed.origin(&state.embed_hosts, state.site.authority()).filter(|_| seen.access == "allowed");
    let mut response = render(&EmbedShow {
        page: Page { social: Some(social), ..at.page(experience.settings.title.clone()) },
        creator: creator(state, &space.team).await?,
        experience: ExperiencePage::of(&space.settings.slug, experience, poster),
        logo: sales::store::of(&state.db, &space.id).await?.logo.as_ref().map(Logo::of),
        space: space_ref(state, space).await?,
        access: seen.access.into(),
        pass: seen.pass,
        url: origin.as_ref().map(|_| embed.url.clone()),
        sandbox: kinds::embed::SANDBOX,
        allow: kinds::embed::ALLOW,
        may_edit: seen.may_edit,
        view_as: seen.view_as,
    })?;
    if let Some(origin) = origin {
        state.headers.let_frame(response.headers_mut(), &origin);
    }
    Ok(response)
}

/// The pass that somebody is in through.
async fn chip(state: &State, id: &PassId, until: Option<Timestamp>) -> Result<Option<PassChip>, Problem> {
    let pass = pass::store::by_id(&state.db, id).await?;
    Ok(pass.map(|pass| PassChip { name: pass.terms.name, until: until.map(Moment::from) }))
}

/// The player's state before script runs.
fn initial(stream: Option<&Stream>) -> &'static str {
    match stream.map(|stream| &stream.phase) {
        None | Some(Phase::Scheduled { .. } | Phase::Lobby { armed_until: None, .. }) => "lobby",
        Some(Phase::Lobby { armed_until: Some(_), .. } | Phase::Live { .. }) => "connecting",
        Some(Phase::Reconnecting { .. }) => "reconnecting",
        Some(Phase::Ended { .. } | Phase::Archived { .. } | Phase::Cancelled { .. }) => "ended",
    }
}

/// The space that something belongs to.
pub async fn space_ref(state: &State, space: &Space) -> Result<SpaceRef, Problem> {
    let accent = space::store::accent(&state.db, &space.id).await?;
    Ok(SpaceRef { name: space.settings.name.clone(), slug: space.settings.slug.to_string(), accent })
}

async fn calendar_file(at: &Visit, space: &str, experience: &str) -> Result<HttpResponse, Problem> {
    let (space, experience) = match at_address(&at.state, space, experience).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&format!("{moved}.ics"))),
    };
    let starts_at = experience.settings.starts_at.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_scheduled",
            "No time is announced for this show yet. Look again later.",
        )
    })?;
    let slug = &space.settings.slug;
    let url = format!("{}/m/{slug}/{}", at.state.site.public_url, experience.settings.slug);
    let file = calendar::file(&experience, &space.settings.name, &url, starts_at, at.state.clock.now());
    let name = format!("attachment; filename=\"{slug}-{}.ics\"", experience.settings.slug);
    Ok(HttpResponse::Ok()
        .content_type("text/calendar; charset=utf-8")
        .insert_header(("Content-Disposition", name))
        .body(file))
}

/// What a form that joins says.
#[derive(Deserialize)]
pub struct Joining {
    /// The recording that it stands on; empty on the page of the show.
    #[serde(default)]
    recording: String,
}

/// `POST /m/{space}/{experience}/join`: the free pass, with a guest account made at once for those without one.
pub async fn join(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String)>,
    joining: web::Form<Joining>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, experience) = match at_address(state, &address.0, &address.1).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&moved)),
    };
    state.limits.joins_per_network.take(&at.network())?;
    let back = format!("/m/{}/{}", space.settings.slug, experience.settings.slug);
    let back = match joining.recording.as_str() {
        id if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
            format!("{back}/recordings/{id}")
        }
        _ => back,
    };
    let person = access::person(state, at.session.as_deref(), &space).await?;
    let denial = match access::judge(state, &person, &space, &experience) {
        Decision::Allowed { .. } => return Ok(see_other(&back)),
        Decision::Denied(denial @ (Denial::Revoked | Denial::Suspended)) => return Err(offer::over(denial)),
        Decision::Denied(denial @ (Denial::NeedsPass | Denial::Expired)) => denial,
    };
    let passes = offer::passes(state, &space.id).await?;
    let shelf = price::store::shelf(&state.db, &space.id).await?;
    let Some(pass) = offer::opening(&passes, &shelf, &experience.id, &person) else {
        // Nothing on offer opens it for them: the sales page says what there is.
        return match denial {
            Denial::Expired => Err(offer::over(denial)),
            _ => Ok(see_other(&format!("/{}", space.settings.slug))),
        };
    };
    if !shelf.is_free(&pass.id) {
        return Ok(see_other(&format!("/{}/{}", space.settings.slug, pass.terms.slug)));
    }
    let cookie = offer::take(&at, &req, pass).await?;
    let mut response = see_other(&back);
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(Problem::internal)?;
    }
    Ok(response)
}

/// `GET /studio/{space}/experiences/new`
pub async fn new(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let form = ExperienceForm {
        grace_s: (at.state.grace_ms / 1_000).to_string(),
        access: rule_word(Rule::Pass).to_string(),
        ..ExperienceForm::default()
    };
    render(&new_view(&at, &space, form, FormErrors::default()).await?)
}

async fn new_view(
    at: &Visit,
    space: &Space,
    form: ExperienceForm,
    errors: FormErrors,
) -> Result<ExperienceNew, Problem> {
    let action = format!("/studio/{}/experiences/new", space.settings.slug);
    let (page, space) = (at.page_t("experience.new.title"), space_ref(&at.state, space).await?);
    Ok(ExperienceNew { page, space, form, errors, action, cancel_url: "/studio".into() })
}

/// `POST /studio/{space}/experiences/new`
pub async fn create(at: Visit, slug: web::Path<String>, typed: web::Form<Typed>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let kind = typed.kind(&Kind::Live, &state.embed_hosts);
    let settings = typed.settings_of(kind.as_ref().unwrap_or(&Kind::Live), Rule::Pass);
    let (kind, settings) = match both(kind, settings) {
        Ok(both) => both,
        Err(errors) => return show_again(&new_view(&at, &space, typed.form(), errors).await?),
    };
    let place = if kind.has_stage() { "studio" } else { "m" };
    let target = format!("/{place}/{}/{}", space.settings.slug, settings.slug);
    match open_as(state, &space.id, settings, &kind).await? {
        Ok(_) => Ok(at.see_other_with(&target, "experience.saved")),
        Err(errors) => show_again(&new_view(&at, &space, typed.form(), errors).await?),
    }
}

/// Both, or what is wrong with either.
fn both<A, B>(first: Result<A, FormErrors>, second: Result<B, FormErrors>) -> Result<(A, B), FormErrors> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (first, second) => {
            let mut errors = first.err().unwrap_or_default();
            errors.0.extend(second.err().unwrap_or_default().0);
            Err(errors)
        }
    }
}

/// Makes a live stream's experience and puts it into its space.
pub async fn open(
    state: &State,
    space: &SpaceId,
    settings: Settings,
) -> Result<Result<ExperienceId, FormErrors>, Problem> {
    open_as(state, space, settings, &Kind::Live).await
}

/// Makes an experience of a kind and puts it into its space.
pub async fn open_as(
    state: &State,
    space: &SpaceId,
    settings: Settings,
    kind: &Kind,
) -> Result<Result<ExperienceId, FormErrors>, Problem> {
    let id = ExperienceId::parse(&state.ids.next()).map_err(Problem::internal)?;
    // What it is stands there before it does: nobody ever finds it as something else.
    if !kind.has_stage() {
        kinds::store::put(&state.db, &id, kind).await?;
    }
    let stream = StreamId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let event = ExperienceEvent::Create { id: id.clone(), space: space.clone(), settings, stream };
    if let Err(refusal) = state.stage.experience(space, &id, event).await {
        return Ok(Err(wrong(refusal)?));
    }
    Ok(Ok(id))
}

fn wrong(refusal: Refusal<ExperienceRejection>) -> Result<FormErrors, Problem> {
    match refusal {
        Refusal::SlugTaken => {
            let mut errors = FormErrors::default();
            errors.add("slug", "space.form.slug_taken");
            Ok(errors)
        }
        Refusal::Rejected(rejection) => {
            at_field(rejection).ok_or_else(|| refused(Refusal::Rejected(rejection), |_| "refused"))
        }
        other => Err(refused(other, |_| "refused")),
    }
}

/// `GET /studio/{space}/{experience}/edit`
pub async fn edit(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    let kind = kinds::store::of(&at.state.db, &experience.state.id).await?;
    let form = form_of(&experience.state.settings, &kind);
    render(&edit_view(&at, &space, &experience.state, form, FormErrors::default()).await?)
}

fn form_of(settings: &Settings, kind: &Kind) -> ExperienceForm {
    ExperienceForm {
        title: settings.title.clone(),
        slug: settings.slug.to_string(),
        description: settings.description.clone(),
        starts_at: settings.starts_at.map(|at| at.0),
        grace_s: (settings.grace_ms / 1_000).to_string(),
        access: rule_word(settings.access).to_string(),
        kind: kind.word().to_string(),
        embed_url: match kind {
            Kind::Live => String::new(),
            Kind::Embed(embed) => embed.url.clone(),
        },
    }
}

/// The settings page again, with what was wrong about the file that was sent as a poster: 422.
pub async fn edit_again(
    at: &Visit,
    space: &Space,
    experience: Experience,
    poster_error: String,
) -> Result<HttpResponse, Problem> {
    let kind = kinds::store::of(&at.state.db, &experience.id).await?;
    let form = form_of(&experience.settings, &kind);
    let view = edit_view(at, space, &experience, form, FormErrors::default()).await?;
    show_again(&ExperienceEdit { poster_error: Some(poster_error), ..view })
}

async fn edit_view(
    at: &Visit,
    space: &Space,
    experience: &Experience,
    form: ExperienceForm,
    errors: FormErrors,
) -> Result<ExperienceEdit, Problem> {
    let address = format!("/studio/{}/{}", space.settings.slug, experience.settings.slug);
    Ok(ExperienceEdit {
        page: at.page_t("experience.edit.title"),
        space: space_ref(&at.state, space).await?,
        form,
        errors,
        action: format!("{address}/edit"),
        cancel_url: "/studio".into(),
        poster: poster::store::of(&at.state.db, &experience.id).await?,
        mark: initials(&experience.settings.title),
        poster_action: format!("{address}/poster"),
        poster_error: None,
    })
}

/// `POST /studio/{space}/{experience}/edit`
pub async fn update(
    at: Visit,
    address: web::Path<(String, String)>,
    typed: web::Form<Typed>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let experience = experience.state;
    let held = kinds::store::of(&state.db, &experience.id).await?;
    let mut kind = typed.kind(&held, &state.embed_hosts);
    if experience.current.is_some() && kind.as_ref().is_ok_and(|kind| !kind.has_stage()) {
        let mut errors = FormErrors::default();
        errors.add("kind", "experience.kind.on_air");
        kind = Err(errors);
    }
    let settings = typed.settings_of(kind.as_ref().unwrap_or(&held), experience.settings.access);
    let (kind, settings) = match both(kind, settings) {
        Ok(both) => both,
        Err(errors) => return show_again(&edit_view(&at, &space, &experience, typed.form(), errors).await?),
    };
    let (old, new) = (experience.settings.slug.clone(), settings.slug.clone());
    let closes = (experience.settings.access, settings.access) == (Rule::Open, Rule::Pass);
    let stream = StreamId::parse(&state.ids.next()).map_err(Problem::internal)?;
    if let Err(refusal) =
        state.stage.experience(&space.id, &experience.id, ExperienceEvent::Edit { settings, stream }).await
    {
        return show_again(&edit_view(&at, &space, &experience, typed.form(), wrong(refusal)?).await?);
    }
    if kind != held {
        kinds::store::put(&state.db, &experience.id, &kind).await?;
    }
    if closes {
        state.access.close(&experience.id);
    }
    if old != new {
        let now = state.clock.now();
        space::store::give_up(&state.db, "experience", space.id.as_str(), old.as_str(), experience.id.as_str(), now)
            .await?;
    }
    Ok(at.see_other_with("/studio", "experience.saved"))
}
