//! A space's page, and making and editing one.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use backstage_actors::stage::Refusal;
use backstage_core::experience::Experience;
use backstage_core::space::{Settings, Space, SpaceEvent, SpaceRejection};
use backstage_core::{SpaceId, TeamId, Timestamp, UserId};
use serde::Deserialize;

use super::form::Typed;
use super::shown::{self, Shown};
use super::store;
use super::views::{Creator, ShowCard, SpaceEdit, SpaceForm, SpaceNew, SpacePage, SpaceShow};
use crate::audit::{self, Action};
use crate::checkout::routes::price_card;
use crate::checkout::views::PriceCard;
use crate::error::Problem;
use crate::order::customers;
use crate::page::{FormErrors, Moment, Page, Social, initials, respond, see_other, show as render, show_again};
use crate::pass::offer;
use crate::pass::routes::moved_pass;
use crate::pass::store::Pass;
use crate::pass::views::{PassCard, Standing};
use crate::poster::Poster;
use crate::sales::views::{PartForm, SalesView};
use crate::sales::{self, Part};
use crate::security::visitor::Visit;
use crate::state::State;
use crate::studio::routes::{Wants, find_space};
use crate::{access, markdown, poster, profile, team};

/// Which pass a sales page tells about.
#[derive(Deserialize)]
pub struct Selection {
    pass: Option<String>,
}

/// `GET /{space}`, with `?pass=` for another pass than the default.
pub async fn show(at: Visit, slug: web::Path<String>, wanted: web::Query<Selection>) -> Result<HttpResponse, Problem> {
    let Some(shown) = shown::at(&at.state, &slug).await? else {
        return moved(&at.state, &slug).await;
    };
    let passes = &shown.passes;
    // An address from before a rename or an archiving still shows the space.
    let chosen = offer::selected(passes, wanted.pass.as_deref()).or_else(|| offer::selected(passes, None));
    sales_page(&at, &shown, chosen, false).await
}

/// `GET /{space}/{pass}`: the team sees drafts there too.
pub async fn show_pass(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let Some(shown) = shown::at(state, &address.0).await? else {
        let space = moved_space(state, &address.0).await?.ok_or_else(Problem::not_found)?;
        return Ok(see_other(&format!("/{}/{}", space.settings.slug, address.1)));
    };
    let edits = access::role(state, at.session.as_deref(), &shown.space).await?.is_some_and(|role| role.may_edit());
    let here = |pass: &&Pass| pass.terms.slug.as_str() == address.1 && (edits || pass.is_published());
    let Some(chosen) = shown.passes.iter().find(here) else {
        let moved = moved_pass(state, &shown.space.id, &address.1).await?.ok_or_else(Problem::not_found)?;
        return Ok(see_other(&format!("/{}/{}", shown.space.settings.slug, moved.terms.slug)));
    };
    sales_page(&at, &shown, Some(chosen), true).await
}

async fn sales_page(at: &Visit, shown: &Shown, chosen: Option<&Pass>, alone: bool) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let Shown { space, passes, shelf, experiences, posters, parts, accent, creator } = shown;
    let person = access::person(state, at.session.as_deref(), space).await?;
    let mut cards = vec![];
    for experience in experiences {
        let poster = posters.get(experience.id.as_str()).cloned();
        cards.push(card_with(state, space, accent, experience, poster).await?);
    }
    let saved = match (at.account(), &state.till) {
        (Ok(session), Some(till)) => customers::saved_card(&state.db, &session.user, till.provider).await?,
        _ => None,
    };
    let saved = saved.map(|(_, card)| card);
    let now = state.clock.now();
    let pass_card = |pass: &Pass| {
        let url = offer::entrance(space, experiences, pass);
        let free = shelf.is_free(&pass.id);
        let prices: Vec<PriceCard> = shelf.of(&pass.id).map(price_card).collect();
        let standing = match offer::grant(&person, pass) {
            _ if person.role.is_some() => Standing::In { url, until: None },
            Some(grant) if offer::ended(grant, now).is_none() => {
                Standing::In { url, until: grant.expires_at.map(Moment::from) }
            }
            None if free => Standing::Free,
            Some(_) if free => Standing::Over,
            Some(_) | None if prices.is_empty() || state.till.is_none() => Standing::NotForSale,
            Some(_) | None => Standing::ForSale { saved: saved.clone() },
        };
        PassCard::of(pass, experiences, prices, standing)
    };
    let offered = passes.iter().filter(|pass| pass.is_published() && !space.suspended);
    let settings = &space.settings;
    let title = match chosen {
        Some(pass) if alone => format!("{} · {}", pass.terms.name, settings.name),
        _ => settings.name.clone(),
    };
    let path = match chosen {
        Some(pass) if alone => format!("/{}/{}", settings.slug, pass.terms.slug),
        _ => format!("/{}", settings.slug),
    };
    let texts = [settings.headline.as_str(), settings.description.as_str()];
    let may_edit = person.role.is_some_and(|role| role.may_edit());
    let versions = if may_edit { sales::routes::versions(state, space, parts) } else { Default::default() };
    let sales = SalesView::of(parts, versions);
    let poster = sales.cover.as_ref().or(cards.iter().find_map(|card| card.poster.as_ref()));
    let social = Social::of(&state.site.public_url, &path, texts, poster);
    render(&SpaceShow {
        page: Page { social: Some(social), ..at.page(title) },
        creator: creator.clone(),
        experiences: cards,
        passes: if alone { vec![] } else { offered.map(pass_card).collect() },
        chosen: chosen.filter(|_| !space.suspended).map(pass_card),
        alone,
        may_edit,
        sales,
        space: of_settings(settings, accent.clone()),
    })
}

fn of_settings(settings: &Settings, accent: String) -> SpacePage {
    SpacePage {
        name: settings.name.clone(),
        slug: settings.slug.to_string(),
        headline: settings.headline.clone(),
        description_html: markdown::html(&settings.description),
        accent,
    }
}

/// The space as its sales page shows it.
pub async fn space_page(state: &State, space: &Space) -> Result<SpacePage, Problem> {
    Ok(of_settings(&space.settings, store::accent(&state.db, &space.id).await?))
}

/// An address given up leads to the new one.
async fn moved(state: &State, slug: &str) -> Result<HttpResponse, Problem> {
    let space = moved_space(state, slug).await?.ok_or_else(Problem::not_found)?;
    Ok(see_other(&format!("/{}", space.settings.slug)))
}

/// The space that had this address.
pub async fn moved_space(state: &State, slug: &str) -> Result<Option<Space>, Problem> {
    let target = store::given_up(&state.db, "space", "", slug).await?;
    let Some(id) = target.and_then(|target| SpaceId::parse(&target).ok()) else {
        return Ok(None);
    };
    Ok(state.store.space(&id).await?.map(|found| found.state))
}

/// The face of a team.
pub async fn creator(state: &State, team: &TeamId) -> Result<Creator, Problem> {
    let creator =
        profile::store::of_team(&state.db, team).await?.ok_or_else(|| Problem::internal("a team without a profile"))?;
    Ok(Creator { initials: initials(&creator.name), name: creator.name, handle: creator.handle })
}

/// An experience in a list.
pub async fn card(state: &State, space: &Space, accent: &str, experience: &Experience) -> Result<ShowCard, Problem> {
    let poster = poster::store::of(&state.db, &experience.id).await?;
    card_with(state, space, accent, experience, poster).await
}

async fn card_with(
    state: &State,
    space: &Space,
    accent: &str,
    experience: &Experience,
    poster: Option<Poster>,
) -> Result<ShowCard, Problem> {
    let snapshot = state.live.snapshot(&experience.id).await?;
    let live =
        snapshot.as_ref().and_then(|snapshot| snapshot.stream.as_ref()).is_some_and(|stream| on_air(&stream.phase));
    Ok(ShowCard {
        title: experience.settings.title.clone(),
        url: format!("/m/{}/{}", space.settings.slug, experience.settings.slug),
        space_name: space.settings.name.clone(),
        accent: accent.to_string(),
        poster,
        mark: initials(&experience.settings.title),
        starts_at: experience.settings.starts_at.map(Moment::from),
        live,
    })
}

/// Is there something to watch?
pub fn on_air(phase: &backstage_core::stream::Phase) -> bool {
    use backstage_core::stream::Phase;
    matches!(phase, Phase::Live { .. } | Phase::Reconnecting { .. })
}

/// `GET /studio/spaces/new`
pub async fn new(at: Visit) -> Result<HttpResponse, Problem> {
    at.account()?;
    let form = SpaceForm { accent: super::ACCENTS[0].to_string(), ..SpaceForm::default() };
    render(&new_view(&at, form, FormErrors::default()))
}

fn new_view(at: &Visit, form: SpaceForm, errors: FormErrors) -> SpaceNew {
    let page = at.page_t("space.new.title");
    SpaceNew { page, form, errors, action: "/studio/spaces/new".into(), cancel_url: "/studio".into() }
}

/// `POST /studio/spaces/new`
pub async fn create(at: Visit, typed: web::Form<Typed>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let person = at.account()?;
    state.limits.writes_per_network.take(&at.network())?;
    let settings = match typed.settings() {
        Ok(settings) => settings,
        Err(errors) => return show_again(&new_view(&at, typed.form(), errors)),
    };
    let slug = settings.slug.clone();
    match open(state, &person.user, &person.name, settings, &typed.accent()).await? {
        Ok(_) => Ok(at.see_other_with(&format!("/studio/{slug}/experiences/new"), "space.saved")),
        Err(errors) => show_again(&new_view(&at, typed.form(), errors)),
    }
}

/// Makes a space with its free pass, in the person's team (made now if there is none).
pub async fn open(
    state: &State,
    user: &UserId,
    name: &str,
    settings: Settings,
    accent: &str,
) -> Result<Result<SpaceId, FormErrors>, Problem> {
    let now = state.clock.now();
    let team = team_for(state, user, name, now).await?;
    let space = SpaceId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let event = SpaceEvent::Create { id: space.clone(), team, settings };
    if let Err(refusal) = state.stage.space(&space, event).await {
        return Ok(Err(at_field(refusal)?));
    }
    offer::passes(state, &space).await?;
    store::set_accent(&state.db, &space, accent).await?;
    audit::record(state, user, Action::SpaceCreated, space.as_str()).await?;
    Ok(Ok(space))
}

async fn team_for(state: &State, user: &UserId, name: &str, now: Timestamp) -> Result<TeamId, Problem> {
    profile::store::ensure(&state.db, user, name, now).await?;
    state.sessions.forget_user(user);
    let held = team::store::of_user(&state.db, user).await?;
    if let Some((team, _)) = held.into_iter().find(|(_, role)| role.may_edit()) {
        return Ok(team);
    }
    let team = TeamId::parse(&state.ids.next()).map_err(Problem::internal)?;
    team::store::found(&state.db, &team, name, user, now).await?;
    state.access.forget_user(user);
    Ok(team)
}

/// A refusal of the domain at the field it is about.
fn at_field(refusal: Refusal<SpaceRejection>) -> Result<FormErrors, Problem> {
    let mut errors = FormErrors::default();
    match refusal {
        Refusal::SlugTaken => errors.add("slug", "space.form.slug_taken"),
        Refusal::Rejected(SpaceRejection::ChangedMeanwhile) => errors.add("version", "sales.changed_all"),
        Refusal::Rejected(SpaceRejection::BadName) => errors.add("name", "space.form.name_missing"),
        Refusal::Rejected(SpaceRejection::BadHeadline) => errors.add("headline", "space.form.too_long"),
        Refusal::Rejected(SpaceRejection::BadDescription) => errors.add("description", "space.form.too_long"),
        other => return Err(crate::error::refused(other, |_| "refused")),
    }
    Ok(errors)
}

/// `GET /studio/{space}/edit`: all fields, and a form for each part of the sales page.
pub async fn edit(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let form = SpaceForm {
        accent: store::accent(&at.state.db, &space.id).await?,
        version: version(&at.state, &space),
        slug: space.settings.slug.to_string(),
        name: space.settings.name.clone(),
        headline: space.settings.headline.clone(),
        description: space.settings.description.clone(),
    };
    render(&edit_view(&at, &space, form, FormErrors::default(), None).await?)
}

/// The same with the form of a part that could not be saved.
pub async fn edit_part_again(
    at: &Visit,
    space: Space,
    part: PartForm,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let form = SpaceForm {
        accent: store::accent(&at.state.db, &space.id).await?,
        version: version(&at.state, &space),
        slug: space.settings.slug.to_string(),
        name: space.settings.name.clone(),
        headline: space.settings.headline.clone(),
        description: space.settings.description.clone(),
    };
    respond(status, &edit_view(at, &space, form, FormErrors::default(), Some(part)).await?)
}

async fn edit_view(
    at: &Visit,
    space: &Space,
    form: SpaceForm,
    errors: FormErrors,
    again: Option<PartForm>,
) -> Result<SpaceEdit, Problem> {
    let parts = sales::store::of(&at.state.db, &space.id).await?;
    let others = [Part::Category, Part::Cover, Part::Logo, Part::Features, Part::Gallery, Part::Faq];
    let mut forms: Vec<PartForm> =
        others.into_iter().map(|part| sales::routes::filled(&at.state, space, &parts, part, false)).collect();
    if let Some(again) = again {
        match forms.iter_mut().find(|form| form.part == again.part) {
            Some(held) => *held = again,
            None => forms.insert(0, again),
        }
    }
    Ok(SpaceEdit {
        page: at.page_t("space.edit.title"),
        form,
        errors,
        action: format!("/studio/{}/edit", space.settings.slug),
        cancel_url: "/studio".into(),
        space: space_page(&at.state, space).await?,
        sales: SalesView::of(&parts, Default::default()),
        may_edit: false,
        forms: forms.into_iter().map(PartForm::with_blanks).collect(),
    })
}

/// The version of a space's settings.
fn version(state: &State, space: &Space) -> String {
    let Settings { slug, name, headline, description } = &space.settings;
    state.seal.of("space settings", &[space.id.as_str(), slug.as_str(), name, headline, description])
}

/// `POST /studio/{space}/edit`
pub async fn update(at: Visit, slug: web::Path<String>, typed: web::Form<Typed>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let current = version(state, &space);
    let again = SpaceForm { version: current.clone(), ..typed.form() };
    let settings = match typed.settings() {
        Ok(settings) => settings,
        Err(errors) => return show_again(&edit_view(&at, &space, again, errors, None).await?),
    };
    if typed.version().is_some_and(|version| version != current) {
        let mut errors = FormErrors::default();
        errors.add("version", "sales.changed_all");
        return respond(StatusCode::CONFLICT, &edit_view(&at, &space, again, errors, None).await?);
    }
    let (old, new) = (space.settings.clone(), settings.clone());
    let event = SpaceEvent::Revise { was: old.clone(), settings };
    if let Err(refusal) = state.stage.space(&space.id, event).await {
        return show_again(&edit_view(&at, &space, again, at_field(refusal)?, None).await?);
    }
    store::set_accent(&state.db, &space.id, &typed.accent()).await?;
    let mut changed = vec![];
    if (&old.name, &old.headline) != (&new.name, &new.headline) {
        changed.push(Part::Headline);
    }
    if old.description != new.description {
        changed.push(Part::Description);
    }
    let now = state.clock.now();
    sales::store::sign(&state.db, &space.id, &changed, &at.account()?.user, now).await?;
    if old.slug != new.slug {
        store::give_up(&state.db, "space", "", old.slug.as_str(), space.id.as_str(), now).await?;
    }
    Ok(at.see_other_with("/studio", "space.saved"))
}
