//! Taking a free pass; the team's screens about passes.

use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::access::Rule;
use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::{ExperienceId, PassId, SpaceId};

use super::form::Typed;
use super::store::{self, NotSaved, Pass};
use super::views::{PassEdit, PassForm, PassIndex, PassRow, ReachRow, Toggle, lasts};
use super::{Status, offer};
use crate::access;
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::experience::routes::space_ref;
use crate::locale;
use crate::page::{FormErrors, Shift, see_other, show as render, show_again};
use crate::security::visitor::Visit;
use crate::space::routes::moved_space;
use crate::state::State;
use crate::studio::routes::{Wants, find_space};
use crate::{price, space};

/// The pass on offer that had this address.
pub async fn moved_pass(state: &State, space: &SpaceId, slug: &str) -> Result<Option<Pass>, Problem> {
    let target = space::store::given_up(&state.db, "pass", space.as_str(), slug).await?;
    let Some(id) = target.and_then(|target| PassId::parse(&target).ok()) else { return Ok(None) };
    Ok(store::by_id(&state.db, &id).await?.filter(Pass::is_published))
}

/// `POST /{space}/{pass}/join`
pub async fn join(at: Visit, req: HttpRequest, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = match state.store.find_space(&address.0).await? {
        Some(found) => found.state,
        None => moved_space(state, &address.0).await?.ok_or_else(Problem::not_found)?,
    };
    let passes = offer::passes(state, &space.id).await?;
    let moved = moved_pass(state, &space.id, &address.1).await?;
    let pass = offer::selected(&passes, Some(&address.1)).or(moved.as_ref()).ok_or_else(Problem::not_found)?;
    state.limits.joins_per_network.take(&at.network())?;
    if space.suspended {
        return Err(offer::over(backstage_core::access::Denial::Suspended));
    }
    let entrance = offer::entrance(&space, &experiences(state, &space).await?, pass);
    let person = access::person(state, at.session.as_deref(), &space).await?;
    if person.role.is_some() {
        return Ok(see_other(&entrance));
    }
    if !price::store::shelf(&state.db, &space.id).await?.is_free(&pass.id) {
        return Ok(see_other(&format!("/{}/{}/checkout", space.settings.slug, pass.terms.slug)));
    }
    if let Some(grant) = offer::grant(&person, pass) {
        return match offer::ended(grant, state.clock.now()) {
            None => Ok(see_other(&entrance)),
            Some(denial) => Err(offer::over(denial)),
        };
    }
    let cookie = offer::take(&at, &req, pass).await?;
    let mut response = see_other(&entrance);
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(Problem::internal)?;
    }
    Ok(response)
}

/// The experiences of a space in their order.
pub async fn experiences(state: &State, space: &Space) -> Result<Vec<Experience>, Problem> {
    Ok(state.store.experiences_in(space).await?.into_iter().map(|found| found.state).collect())
}

/// `GET /studio/{space}/passes`
pub async fn index(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let passes = offer::passes(state, &space.id).await?;
    let reach = experiences(state, &space).await?.into_iter().map(|experience| ReachRow {
        slug: experience.settings.slug.to_string(),
        open: experience.settings.access == Rule::Open,
        opened_by: passes.iter().map(|pass| pass.terms.opens.opens(&experience.id)).collect(),
        title: experience.settings.title,
    });
    let reach = reach.collect();
    let last = passes.len().saturating_sub(1);
    let shelf = price::store::shelf(&state.db, &space.id).await?;
    let row = |(place, pass): (usize, Pass)| PassRow {
        slug: pass.terms.slug.to_string(),
        name: pass.terms.name,
        internal_name: pass.terms.internal_name,
        status: pass.terms.status.into(),
        lasts: lasts(pass.terms.days),
        costs: costs(&shelf, &pass.id),
        is_default: pass.is_default,
        first: place == 0,
        last: place == last,
    };
    let passes = passes.into_iter().enumerate().map(row).collect();
    render(&PassIndex { page: at.page_t("pass.index.title"), space: space_ref(state, &space).await?, passes, reach })
}

/// What a pass costs, in words.
fn costs(shelf: &price::store::Shelf, pass: &PassId) -> String {
    if shelf.is_free(pass) {
        return locale::text("space.free").to_string();
    }
    let prices: Vec<String> = shelf.of(pass).map(|offer| price::views::short(&offer.price)).collect();
    if prices.is_empty() { locale::text("pass.not_for_sale").to_string() } else { prices.join(" · ") }
}

/// `GET /studio/{space}/passes/new`
pub async fn new(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let form = PassForm { status: Status::Draft.as_str().into(), opens_all: true, ..PassForm::default() };
    render(&edit_view(&at, &space, None, form, FormErrors::default()).await?)
}

/// `POST /studio/{space}/passes/new`
pub async fn create(
    at: Visit,
    slug: web::Path<String>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let typed = Typed::from(typed.into_inner());
    let terms = match typed.terms(&ids(state, &space).await?) {
        Ok(terms) => terms,
        Err(errors) => return show_again(&edit_view(&at, &space, None, typed.form(), errors).await?),
    };
    let id = PassId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let pass = Pass { id, space: space.id.clone(), terms, is_default: false };
    if let Err(error) = store::add(&state.db, &pass, state.clock.now()).await {
        return show_again(&edit_view(&at, &space, None, typed.form(), at_field(error)?).await?);
    }
    saved(&at, &space, &pass).await
}

/// `GET /studio/{space}/passes/{pass}/edit`
pub async fn edit(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass) = find(&at, &address).await?;
    let form = PassForm::of(&pass.terms);
    render(&edit_view(&at, &space, Some(&pass), form, FormErrors::default()).await?)
}

/// `POST /studio/{space}/passes/{pass}/edit`
pub async fn update(
    at: Visit,
    address: web::Path<(String, String)>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, pass) = find(&at, &address).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let typed = Typed::from(typed.into_inner());
    let terms = match typed.terms(&ids(state, &space).await?) {
        Ok(terms) => terms,
        Err(errors) => return show_again(&edit_view(&at, &space, Some(&pass), typed.form(), errors).await?),
    };
    if let Err(error) = store::update(&state.db, &pass.id, &terms, state.clock.now()).await {
        return show_again(&edit_view(&at, &space, Some(&pass), typed.form(), at_field(error)?).await?);
    }
    opens_anew(state, &pass, &terms);
    saved(&at, &space, &pass).await
}

/// A pass that opens something else: what is known of its holders is forgotten, and players that it closes stop.
pub(super) fn opens_anew(state: &State, pass: &Pass, terms: &store::Terms) {
    if terms.opens != pass.terms.opens {
        state.access.forget_space(&pass.space);
        state.access.ended.notify_one();
    }
}

async fn saved(at: &Visit, space: &Space, pass: &Pass) -> Result<HttpResponse, Problem> {
    audit::record(&at.state, &at.account()?.user, Action::PassSaved, pass.id.as_str()).await?;
    Ok(at.see_other_with(&list(space), "pass.saved"))
}

/// `POST /studio/{space}/passes/{pass}/default`
pub async fn make_default(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass) = find(&at, &address).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    store::make_default(&at.state.db, &pass).await?;
    Ok(at.see_other_with(&list(&space), "pass.saved"))
}

/// `POST /studio/{space}/passes/{pass}/move`
pub async fn shift(
    at: Visit,
    address: web::Path<(String, String)>,
    shift: web::Form<Shift>,
) -> Result<HttpResponse, Problem> {
    let (space, pass) = find(&at, &address).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let forward = match shift.towards.as_str() {
        "front" => true,
        "end" => false,
        _ => return Err(Problem::bad_request("A pass moves towards the front or the end.")),
    };
    store::shift(&at.state.db, &pass, forward).await?;
    Ok(see_other(&list(&space)))
}

fn list(space: &Space) -> String {
    format!("/studio/{}/passes", space.settings.slug)
}

pub(crate) async fn find(at: &Visit, address: &(String, String)) -> Result<(Space, Pass), Problem> {
    let space = find_space(at, &address.0, Wants::Edit).await?;
    let passes = store::of_space(&at.state.db, &space.id).await?;
    let pass = passes.into_iter().find(|pass| pass.terms.slug.as_str() == address.1).ok_or_else(Problem::not_found)?;
    Ok((space, pass))
}

pub(super) async fn ids(state: &State, space: &Space) -> Result<Vec<ExperienceId>, Problem> {
    Ok(experiences(state, space).await?.into_iter().map(|experience| experience.id).collect())
}

pub(super) fn at_field(error: NotSaved) -> Result<FormErrors, Problem> {
    let mut errors = FormErrors::default();
    match error {
        NotSaved::SlugTaken => errors.add("slug", "space.form.slug_taken"),
        NotSaved::Full => errors.add("name", "pass.form.full"),
        NotSaved::Database(error) => return Err(error.into()),
    }
    Ok(errors)
}

async fn edit_view(
    at: &Visit,
    space: &Space,
    pass: Option<&Pass>,
    form: PassForm,
    errors: FormErrors,
) -> Result<PassEdit, Problem> {
    let list = list(space);
    let (title, submit, action) = match pass {
        None => ("pass.new.title", "pass.new.submit", format!("{list}/new")),
        Some(pass) => ("pass.edit.title", "pass.edit.submit", format!("{list}/{}/edit", pass.terms.slug)),
    };
    let page = at.page_t(title);
    let toggle = |experience: Experience| Toggle { id: experience.id.to_string(), title: experience.settings.title };
    Ok(PassEdit {
        submit: page.t(submit).to_string(),
        page,
        space: space_ref(&at.state, space).await?,
        form,
        errors,
        statuses: Status::ALL.into_iter().map(Into::into).collect(),
        experiences: experiences(&at.state, space).await?.into_iter().map(toggle).collect(),
        action,
        cancel_url: list,
    })
}
