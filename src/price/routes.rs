//! The team's screens about prices.

use actix_web::{HttpResponse, web};
use backstage_core::PriceId;
use backstage_core::space::Space;

use super::Offer;
use super::form::{Typed, Wanted};
use super::store::{self, NotSaved};
use super::views::{PriceEdit, PriceForm, PriceIndex, PriceRow};
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::experience::routes::space_ref;
use crate::page::{FormErrors, show as render, show_again};
use crate::pass;
use crate::pass::store::Pass;
use crate::security::visitor::Visit;

/// `GET /studio/{space}/passes/{pass}/prices`
pub async fn index(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass) = pass::routes::find(&at, &address).await?;
    let shelf = store::shelf(&at.state.db, &space.id).await?;
    render(&PriceIndex {
        page: at.page(crate::locale::text_with("price.index.title", "name", &pass.terms.name)),
        space: space_ref(&at.state, &space).await?,
        pass_name: pass.terms.name.clone(),
        pass_slug: pass.terms.slug.to_string(),
        prices: shelf.of(&pass.id).map(PriceRow::from).collect(),
        free: shelf.is_free(&pass.id),
        sells: at.state.till.is_some(),
    })
}

/// `GET /studio/{space}/passes/{pass}/prices/new`
pub async fn new(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass) = pass::routes::find(&at, &address).await?;
    render(&edit_view(&at, (&space, &pass), None, PriceForm::fresh(), FormErrors::default()).await?)
}

/// `POST /studio/{space}/passes/{pass}/prices/new`
pub async fn create(
    at: Visit,
    address: web::Path<(String, String)>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let (space, pass) = pass::routes::find(&at, &address).await?;
    save(&at, (&space, &pass), None, typed.into_inner()).await
}

/// `GET /studio/{space}/passes/{pass}/prices/{price}/edit`
pub async fn edit(at: Visit, address: web::Path<(String, String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass, offer) = find(&at, &address).await?;
    render(&edit_view(&at, (&space, &pass), Some(&offer), PriceForm::of(&offer), FormErrors::default()).await?)
}

/// `POST /studio/{space}/passes/{pass}/prices/{price}/edit`: a new version; who bought at the old one keeps it.
pub async fn update(
    at: Visit,
    address: web::Path<(String, String, String)>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let (space, pass, offer) = find(&at, &address).await?;
    save(&at, (&space, &pass), Some(&offer), typed.into_inner()).await
}

/// `POST /studio/{space}/passes/{pass}/prices/{price}/retire`
pub async fn retire(at: Visit, address: web::Path<(String, String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass, offer) = find(&at, &address).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    store::retire(&at.state.db, &offer.id, at.state.clock.now()).await?;
    audit::record(&at.state, &at.account()?.user, Action::PriceSaved, offer.id.as_str()).await?;
    Ok(at.see_other_with(&list(&space, &pass), "price.retired"))
}

async fn save(
    at: &Visit,
    (space, pass): (&Space, &Pass),
    old: Option<&Offer>,
    typed: Vec<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    state.limits.writes_per_network.take(&at.network())?;
    let typed = Typed::from(typed);
    let Wanted { price, options, stock } = match typed.wanted() {
        Ok(wanted) => wanted,
        Err(errors) => return show_again(&edit_view(at, (space, pass), old, typed.form(), errors).await?),
    };
    let id = PriceId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let line = old.map_or_else(|| id.to_string(), |old| old.line.clone());
    let offer =
        Offer { id, line, pass: pass.id.clone(), space: space.id.clone(), price, options, stock, retired: false };
    let saved = match old {
        None => store::add(&state.db, &offer, state.clock.now()).await,
        Some(old) => store::replace(&state.db, &old.id, &offer, state.clock.now()).await,
    };
    if let Err(error) = saved {
        let mut errors = FormErrors::default();
        match error {
            NotSaved::Full => errors.add("amount", "price.form.full"),
            NotSaved::Changed => errors.add("amount", "price.form.changed"),
            NotSaved::Database(error) => return Err(error.into()),
        }
        return show_again(&edit_view(at, (space, pass), old, typed.form(), errors).await?);
    }
    audit::record(state, &at.account()?.user, Action::PriceSaved, offer.id.as_str()).await?;
    Ok(at.see_other_with(&list(space, pass), "price.saved"))
}

fn list(space: &Space, pass: &Pass) -> String {
    format!("/studio/{}/passes/{}/prices", space.settings.slug, pass.terms.slug)
}

async fn find(at: &Visit, address: &(String, String, String)) -> Result<(Space, Pass, Offer), Problem> {
    let (space, pass) = pass::routes::find(at, &(address.0.clone(), address.1.clone())).await?;
    let id = PriceId::parse(&address.2).map_err(|_| Problem::not_found())?;
    let offer = store::by_id(&at.state.db, &id).await?.filter(|offer| offer.pass == pass.id && !offer.retired);
    Ok((space, pass, offer.ok_or_else(Problem::not_found)?))
}

async fn edit_view(
    at: &Visit,
    (space, pass): (&Space, &Pass),
    old: Option<&Offer>,
    form: PriceForm,
    errors: FormErrors,
) -> Result<PriceEdit, Problem> {
    let list = list(space, pass);
    let (title, action) = match old {
        None => ("price.new.title", format!("{list}/new")),
        Some(old) => ("price.edit.title", format!("{list}/{}/edit", old.id)),
    };
    Ok(PriceEdit {
        page: at.page(crate::locale::text_with(title, "name", &pass.terms.name)),
        space: space_ref(&at.state, space).await?,
        pass_name: pass.terms.name.clone(),
        form,
        errors,
        action,
        cancel_url: list,
        edits: old.is_some(),
    })
}
