//! The buyer's pages about orders, and the team's.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::OrderId;
use backstage_core::ledger::Account;
use backstage_core::money::{Currency, Money};
use backstage_core::order::{Event, OrderRejection, Phase, Void};
use backstage_core::pass::PriceKind;
use backstage_core::space::Space;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::card;
use super::store::{self, NotDone, Purchase};
use super::till::{Answer, Till};
use super::views::{CancelShow, ChargeRow, HeldRow, OrderIndex, OrderShow, TeamIndex, TeamShow, WrongRefund, row};
use super::work;
use crate::api::answers::{Counted, ProblemShape};
use crate::audit::{self, Action};
use crate::checkout::routes::{not_done, till};
use crate::checkout::views::{CheckoutCode, CheckoutWait};
use crate::error::Problem;
use crate::experience::routes::space_ref;
use crate::locale;
use crate::money;
use crate::page::{Moment, respond, see_other, show as render};
use crate::pass::{self, offer};
use crate::price::store as prices;
use crate::security::seal;
use crate::security::visitor::Visit;
use crate::session::codes;
use crate::session::send::{self, NotSent};
use crate::state::State;
use crate::studio::routes::{Wants, find_space};

/// Orders on a page of the team's list.
const PAGE: u32 = 50;

/// The order, if it is the visitor's: by their account, or, before they have one, by their browser.
pub(super) async fn theirs(at: &Visit, req: &HttpRequest, id: &str) -> Result<Purchase, Problem> {
    let id = OrderId::parse(id).map_err(|_| Problem::not_found())?;
    let held = store::by_id(&at.state.db, &id).await?.ok_or_else(Problem::not_found)?;
    let by_account = at.session.as_ref().is_some_and(|session| held.user.as_ref() == Some(&session.user));
    let by_browser = at.browser_of(req).is_some_and(|browser| seal::same(&browser, &held.browser));
    if by_account || by_browser { Ok(held) } else { Err(Problem::not_found()) }
}

/// Whether the visitor has proven to be the buyer.
pub(super) fn is_buyer(at: &Visit, held: &Purchase) -> bool {
    at.account().is_ok_and(|session| held.user.as_ref() == Some(&session.user))
}

/// Asks the provider what became of an order that is not paid as far as we know.
async fn look(state: &State, till: &Till, held: Purchase) -> Result<(Purchase, Answer), Problem> {
    // What the site's former provider took nobody can ask any more.
    if held.order.begun() || held.order.closed || !till.serves(&held) {
        return Ok((held, Answer::Closed));
    }
    match till.look(&state.db, &held, 0).await? {
        Answer::Done(event) => {
            let told = work::tell(state, &held.order.id, event).await.map_err(not_done)?;
            Ok((told, Answer::Closed))
        }
        answer => Ok((held, answer)),
    }
}

/// What became of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct Looked {
    /// Whether it is paid, or the card used.
    pub(super) paid: bool,
    /// Where the buyer goes.
    pub(super) url: String,
}

/// Asks the payment provider what became of an order, after the browser has paid.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/look", operation_id = "lookAtOrder", tag = "buying",
    params(("id" = String, Path, description = "Id of the order", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "What became of it", body = Looked),
        (status = 404, description = "`not_found`: there is no such order, or it is somebody else's", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 409, description = "`no_payments`", body = ProblemShape, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the payment provider cannot be reached", body = ProblemShape,
         content_type = "application/problem+json",
         headers(("Retry-After" = String, description = "Seconds to wait"))),
        Counted,
    ),
)]
pub async fn paid(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let held = theirs(&at, &req, &id).await?;
    let (held, _) = look(&at.state, till(&at.state)?, held).await?;
    let url = match held.order.begun() && held.order.void.is_none() && is_buyer(&at, &held) {
        true => format!("/orders/{}/in", held.order.id),
        false => format!("/orders/{}", held.order.id),
    };
    Ok(HttpResponse::Ok().json(Looked { paid: held.order.begun(), url }))
}

/// What Stripe adds to the address of somebody who was led away and comes back.
#[derive(Deserialize)]
pub struct Back {
    setup_intent: Option<String>,
}

/// `GET /orders/{id}`: what became of it; for a buyer without an account, the way to one.
pub async fn show(
    at: Visit,
    req: HttpRequest,
    id: web::Path<String>,
    back: web::Query<Back>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let held = theirs(&at, &req, &id).await?;
    // Led away to save another card.
    if let (true, Some(setup)) = (held.order.begun() && is_buyer(&at, &held), &back.setup_intent) {
        let taken = card::take(state, till(state)?, &held, setup).await?;
        let flash = if taken { "order.card.saved" } else { "order.card.not_saved" };
        return Ok(at.see_other_with(&format!("/orders/{}", held.order.id), flash));
    }
    let (held, answer) = look(state, till(state)?, held).await?;
    let (space, pass) = of(state, &held).await?;
    let sales = format!("/{}/{}", space.settings.slug, pass.terms.slug);
    if !held.order.begun() {
        return match answer {
            Answer::Go(url) => {
                Ok(HttpResponse::SeeOther().insert_header(("location", url.expose().to_owned())).finish())
            }
            Answer::Open if at.was_led_back(&req) => {
                Ok(at.see_other_with(&format!("{sales}/checkout?price={}", held.price), "checkout.not_made"))
            }
            Answer::Open => render(&CheckoutWait {
                page: at.page_t("checkout.wait.title"),
                heading: "checkout.wait.title",
                text: "checkout.wait.text",
                looks_again: true,
                back: format!("{sales}/checkout?price={}", held.price),
            }),
            Answer::Done(_) | Answer::Closed | Answer::Declined => render(&CheckoutWait {
                page: at.page_t("checkout.closed.title"),
                heading: "checkout.closed.title",
                text: "checkout.closed.text",
                looks_again: false,
                back: sales,
            }),
        };
    }
    if let Some(void) = held.order.void {
        let (heading, text) = match void {
            Void::SoldOut => ("checkout.sold_out.title", "checkout.sold_out.text"),
            Void::AlreadyHeld => ("checkout.twice.title", "checkout.twice.text"),
        };
        if !is_buyer(&at, &held) || void == Void::SoldOut {
            let page = at.page_t(heading);
            return render(&CheckoutWait { page, heading, text, looks_again: false, back: sales });
        }
    }
    if !is_buyer(&at, &held) {
        return code(&at, &held, &pass.terms.name).await;
    }
    let now = state.clock.now();
    let phase = held.order.phase(now);
    let recurring = matches!(held.order.price.kind, PriceKind::Recurring { .. });
    render(&OrderShow {
        page: at.page_t("order.show.title"),
        order: row(&held, pass.terms.name, space.settings.name.clone(), now),
        terms: terms(&held),
        charges: ChargeRow::all(&held.order),
        may_cancel: recurring && matches!(phase, Phase::Active | Phase::PastDue),
        may_resume: recurring && phase == Phase::Cancelled,
        may_change_card: held.order.is_charged_again() && till(state)?.serves(&held),
        may_stay: held.order.offer_to_stay(now).is_some(),
        open: held.order.access().is_some_and(|access| access.until.is_none_or(|until| until > now)),
        space: space_ref(state, &space).await?,
    })
}

/// Sends a code to who has paid, and asks for it: the account is theirs once they type it.
async fn code(at: &Visit, held: &Purchase, name: &str) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let browser = at.browser().ok_or_else(Problem::forged)?;
    // One code is enough for reloads; whoever lost it asks for another by its button.
    let sent = match codes::is_fresh(&state.db, &held.contact, &browser, state.clock.now()).await? {
        true => Ok(()),
        false => send::code(at, &held.contact).await?,
    };
    render(&CheckoutCode {
        page: at.page_t("checkout.code.title"),
        contact: held.contact.to_string(),
        field: held.contact.field(),
        next: format!("/orders/{}/in", held.order.id),
        error: sent.err().map(|why| match why {
            // They have paid with a number: mail is no way around.
            NotSent::Capped => locale::text("checkout.code.capped").to_string(),
            NotSent::TooMany | NotSent::NoTexts => locale::text(why.key()).to_string(),
        }),
        name: name.to_owned(),
    })
}

/// `GET /orders/{id}/in`: to what was bought. The saved card becomes the buyer's, who has proven who they are.
pub async fn enter(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let held = theirs(&at, &req, &id).await?;
    let page = format!("/orders/{}", held.order.id);
    if !is_buyer(&at, &held) || !held.order.begun() || held.order.void.is_some() {
        return Ok(see_other(&page));
    }
    let till = state.till.as_ref().filter(|till| till.serves(&held));
    if let (Some(user), Some(till), Some(customer)) = (&held.user, till, &held.customer) {
        // A provider that is away costs the comfort of one click, not the way in.
        if let Err(error) = till.remember(&state.db, user, customer, held.order.method.as_deref()).await {
            tracing::warn!(%error, "the saved card of a buyer is not known");
        }
    }
    let (space, pass) = of(state, &held).await?;
    let redirect = prices::by_id(&state.db, &held.price).await?.map(|offer| offer.options.redirect).unwrap_or_default();
    let access = held.order.access().is_some_and(|access| access.until.is_none_or(|until| until > state.clock.now()));
    let target = match redirect.as_str() {
        _ if !access => page,
        "" => offer::entrance(&space, &pass::routes::experiences(state, &space).await?, &pass),
        redirect => redirect.to_owned(),
    };
    Ok(HttpResponse::SeeOther().insert_header(("location", target)).finish())
}

/// `GET /orders/{id}/cancel`: what is offered to who would go.
pub async fn ask_to_stay(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let held = theirs(&at, &req, &id).await?;
    let offer = held.order.offer_to_stay(state.clock.now()).filter(|_| is_buyer(&at, &held));
    let Some((amount, count)) = offer else { return Ok(see_other(&format!("/orders/{}", held.order.id))) };
    let (space, pass) = of(state, &held).await?;
    let key = if count == 1 { "order.stay.lead_one" } else { "order.stay.lead" };
    let lead = locale::text(key)
        .replace("{amount}", &money::text(amount))
        .replace("{whole}", &money::text(held.order.price.amount()))
        .replace("{count}", &count.to_string());
    render(&CancelShow {
        page: at.page_t("order.stay.title"),
        order: held.order.id.to_string(),
        pass: pass.terms.name,
        lead,
        amount: money::text(amount),
        space: space_ref(state, &space).await?,
    })
}

/// `POST /orders/{id}/stay`
pub async fn stay(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    change(&at, &req, &id, Event::Stay, "order.stayed").await
}

/// `POST /orders/{id}/cancel`
pub async fn cancel(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    change(&at, &req, &id, Event::Cancel, "order.cancelled").await
}

/// `POST /orders/{id}/resume`
pub async fn resume(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    change(&at, &req, &id, Event::Resume, "order.resumed").await
}

async fn change(at: &Visit, req: &HttpRequest, id: &str, event: Event, flash: &str) -> Result<HttpResponse, Problem> {
    let held = theirs(at, req, id).await?;
    if !is_buyer(at, &held) {
        return Err(Problem::sign_in());
    }
    at.state.limits.writes_per_network.take(&at.network())?;
    work::tell(&at.state, &held.order.id, event).await.map_err(not_done)?;
    Ok(at.see_other_with(&format!("/orders/{}", held.order.id), flash))
}

/// `GET /passes`: what somebody holds and bought.
pub async fn index(at: Visit) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let session = at.person()?;
    let now = state.clock.now();
    let mut held = vec![];
    for (id, grant) in pass::grants::of_user(&state.db, &session.user).await? {
        let Some(space) = state.store.space(&id).await?.map(|found| found.state) else { continue };
        let Some(pass) = pass::store::by_id(&state.db, &grant.pass).await? else { continue };
        held.push(HeldRow {
            url: offer::entrance(&space, &pass::routes::experiences(state, &space).await?, &pass),
            pass: pass.terms.name,
            space: space.settings.name,
            until: grant.expires_at.map(Moment::from),
            over: offer::ended(&grant, now).is_some(),
        });
    }
    held.sort_by_key(|row| row.over);
    let mut orders = vec![];
    for bought in store::of_user(&state.db, &session.user).await? {
        let (space, pass) = of(state, &bought).await?;
        orders.push(row(&bought, pass.terms.name, space.settings.name, now));
    }
    render(&OrderIndex { page: at.page_t("order.index.title"), held, orders })
}

pub(super) async fn of(state: &State, held: &Purchase) -> Result<(Space, pass::store::Pass), Problem> {
    let space = state.store.space(&held.space).await?.ok_or_else(Problem::not_found)?.state;
    let pass = pass::store::by_id(&state.db, &held.pass).await?.ok_or_else(Problem::not_found)?;
    Ok((space, pass))
}

fn terms(held: &Purchase) -> String {
    let price = &held.order.price;
    format!("{} {}", money::text(price.amount()), money::how(price))
}

/// Which page of the list.
#[derive(Deserialize)]
pub struct From {
    #[serde(default)]
    from: u32,
}

/// `GET /studio/{space}/orders`
pub async fn team_index(at: Visit, slug: web::Path<String>, from: web::Query<From>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let from = from.from.min(1_000_000);
    let mut found = store::of_space(&state.db, &space.id, PAGE + 1, from).await?;
    let more = (found.len() > PAGE as usize).then_some(from + PAGE);
    found.truncate(PAGE as usize);
    let passes = pass::store::of_space(&state.db, &space.id).await?;
    let now = state.clock.now();
    let name = |held: &Purchase| {
        passes.iter().find(|pass| pass.id == held.pass).map(|pass| pass.terms.name.clone()).unwrap_or_default()
    };
    let orders = found.iter().map(|held| row(held, name(held), String::new(), now)).collect();
    // What the creator earned, less what banks took back.
    let mut earned: BTreeMap<String, i64> = BTreeMap::new();
    for (account, currency, minor) in store::balances(&state.db, Some(&space.id)).await? {
        if [Account::CreatorRevenue, Account::Disputes].map(Account::as_str).contains(&account.as_str()) {
            *earned.entry(currency).or_default() -= minor;
        }
    }
    let earned = earned.into_iter().filter_map(|(currency, minor)| {
        let currency = Currency::parse(&currency).ok()?;
        Some(money::text(Money { minor, currency }))
    });
    render(&TeamIndex {
        page: at.page_t("order.team.title"),
        earned: earned.collect(),
        orders,
        more,
        space: space_ref(state, &space).await?,
    })
}

async fn of_team(at: &Visit, address: &(String, String)) -> Result<(Space, Purchase), Problem> {
    let space = find_space(at, &address.0, Wants::Edit).await?;
    let id = OrderId::parse(&address.1).map_err(|_| Problem::not_found())?;
    let held = store::by_id(&at.state.db, &id).await?.filter(|held| held.space == space.id);
    Ok((space, held.ok_or_else(Problem::not_found)?))
}

/// `GET /studio/{space}/orders/{id}`
pub async fn team_show(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, held) = of_team(&at, &address).await?;
    render(&team_view(&at, &space, &held, None).await?)
}

async fn team_view(
    at: &Visit,
    space: &Space,
    held: &Purchase,
    wrong: Option<WrongRefund>,
) -> Result<TeamShow, Problem> {
    let state = &at.state;
    let (_, pass) = of(state, held).await?;
    let offer = prices::by_id(&state.db, &held.price).await?;
    let questions = offer.map(|offer| offer.options.questions).unwrap_or_default();
    let now = state.clock.now();
    Ok(TeamShow {
        page: at.page_t("order.team.one"),
        order: row(held, pass.terms.name, space.settings.name.clone(), now),
        terms: terms(held),
        charges: ChargeRow::all(&held.order),
        wrong,
        answers: questions.into_iter().map(|question| question.text).zip(held.answers.iter().cloned()).collect(),
        may_end: matches!(held.order.phase(now), Phase::Active | Phase::PastDue | Phase::Cancelled),
        space: space_ref(state, space).await?,
    })
}

/// A refund that the team asks for.
#[derive(Deserialize)]
pub struct Refunding {
    #[serde(default)]
    invoice: u32,
    #[serde(default)]
    amount: String,
}

/// `POST /studio/{space}/orders/{id}/refund`
pub async fn refund(
    at: Visit,
    address: web::Path<(String, String)>,
    form: web::Form<Refunding>,
) -> Result<HttpResponse, Problem> {
    let (space, held) = of_team(&at, &address).await?;
    let again = async |status, key: &str| {
        let invoice = usize::try_from(form.invoice).unwrap_or(usize::MAX);
        let message = locale::text(key).to_string();
        let wrong = WrongRefund { invoice, typed: form.amount.clone(), message };
        respond(status, &team_view(&at, &space, &held, Some(wrong)).await?)
    };
    let Some(amount) = money::typed(&form.amount, held.order.price.amount().currency) else {
        return again(StatusCode::UNPROCESSABLE_ENTITY, "error.codes.amount").await;
    };
    if !till(&at.state)?.serves(&held) {
        return again(StatusCode::UNPROCESSABLE_ENTITY, "order.team.other_provider").await;
    }
    let event = Event::GiveBack { invoice: form.invoice, amount: amount.minor };
    at.state.limits.writes_per_network.take(&at.network())?;
    match work::tell(&at.state, &held.order.id, event).await {
        Err(NotDone::Rejected(OrderRejection::BadAmount)) => again(StatusCode::CONFLICT, "order.team.too_much").await,
        done => by_team(&at, &address, &held, done, Action::OrderRefunded, "order.refunding").await,
    }
}

/// `POST /studio/{space}/orders/{id}/end`
pub async fn end(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (_, held) = of_team(&at, &address).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let done = work::tell(&at.state, &held.order.id, Event::End).await;
    by_team(&at, &address, &held, done, Action::OrderEnded, "order.ended").await
}

async fn by_team(
    at: &Visit,
    address: &(String, String),
    held: &Purchase,
    done: Result<Purchase, NotDone>,
    action: Action,
    flash: &str,
) -> Result<HttpResponse, Problem> {
    done.map_err(not_done)?;
    audit::record(&at.state, &at.account()?.user, action, held.order.id.as_str()).await?;
    Ok(at.see_other_with(&format!("/studio/{}/orders/{}", address.0, held.order.id), flash))
}
