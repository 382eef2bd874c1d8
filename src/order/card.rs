//! Another card for what is still to be charged: it is saved at the provider without being charged, then the order uses it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::order::Event;
use serde::Deserialize;
use utoipa::ToSchema;

use super::routes::{Looked, is_buyer, of, theirs};
use super::store::Purchase;
use super::till::{NotTaken, Till};
use super::views::CardShow;
use super::work;
use crate::adapters::stripe::StripeError;
use crate::api::answers::{Counted, ProblemShape};
use crate::api::body;
use crate::checkout::routes::{Next, not_done, till};
use crate::error::Problem;
use crate::experience::routes::space_ref;
use crate::page::{see_other, show as render};
use crate::security::visitor::Visit;
use crate::state::State;

/// The order, if the visitor has proven to be its buyer and something is still to be charged.
async fn charged_again(at: &Visit, req: &HttpRequest, id: &str) -> Result<Purchase, Problem> {
    let held = theirs(at, req, id).await?;
    if !is_buyer(at, &held) {
        return Err(Problem::sign_in());
    }
    if !held.order.is_charged_again() || !till(&at.state)?.serves(&held) {
        let detail = "Nothing is charged for this order any more, so it needs no card.";
        return Err(Problem::new(StatusCode::CONFLICT, "no_card_needed", detail));
    }
    Ok(held)
}

/// `GET /orders/{id}/card`
pub async fn show(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let till = till(state)?;
    let held = match charged_again(&at, &req, &id).await {
        Err(problem) if problem.code == "no_card_needed" => return Ok(see_other(&format!("/orders/{id}"))),
        held => held?,
    };
    let (space, pass) = of(state, &held).await?;
    let amount = held.order.price.amount();
    render(&CardShow {
        page: at.page_t("order.card.title"),
        order: held.order.id.to_string(),
        pass: pass.terms.name,
        is_late: held.order.invoices.iter().any(|charge| !charge.paid && charge.declined > 0),
        publishable_key: till.publishable_key.clone(),
        sandbox: till.is_sandbox(),
        currency: amount.currency.code().to_ascii_lowercase(),
        space: space_ref(state, &space).await?,
    })
}

/// Begins to save another card for an order that is charged again.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/card", operation_id = "changeCard", tag = "buying",
    params(("id" = String, Path, description = "Id of the order", min_length = 1, max_length = 64)),
    responses(
        (status = 200, description = "What the browser does next: it confirms, and nothing is paid", body = Next),
        (status = 401, description = "`sign_in`", body = ProblemShape, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such order, or it is somebody else's", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 409, description = "`no_card_needed`, `no_payments`", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the payment provider cannot be reached", body = ProblemShape,
         content_type = "application/problem+json",
         headers(("Retry-After" = String, description = "Seconds to wait"))),
        Counted,
    ),
)]
pub async fn begin(at: Visit, req: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let till = till(state)?;
    let held = charged_again(&at, &req, &id).await?;
    state.limits.joins_per_network.take(&at.network())?;
    let begun = till.begin_card(&held, &state.ids.next()).await?;
    Ok(HttpResponse::Ok().json(Next::Confirm {
        client_secret: begun.client_secret.expose().to_owned(),
        saves_only: true,
        return_url: till.return_url(&held.order.id),
        order: held.order.id,
    }))
}

/// The card that was saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Id of the setup that the browser confirmed, `seti_…`.
    #[schema(min_length = 1, max_length = 255, pattern = "^[A-Za-z0-9_]+$")]
    setup: String,
}

/// Lets an order use the card that its buyer has just saved.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/card/look", operation_id = "lookAtCard", tag = "buying",
    params(("id" = String, Path, description = "Id of the order", min_length = 1, max_length = 64)),
    request_body(content = Saved, description = "Which setup"),
    responses(
        (status = 200, description = "Whether the card is used now, and where the buyer goes", body = Looked),
        (status = 401, description = "`sign_in`", body = ProblemShape, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such order or setup, or it is somebody else's",
         body = ProblemShape, content_type = "application/problem+json"),
        (status = 409, description = "`no_card_needed`, `no_payments`", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the payment provider cannot be reached", body = ProblemShape,
         content_type = "application/problem+json",
         headers(("Retry-After" = String, description = "Seconds to wait"))),
        Counted,
    ),
)]
pub async fn look(
    at: Visit,
    req: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let saved: Saved =
        body::object(&body).map_err(|_| Problem::bad_request("Send a JSON object with setup, the id of a setup."))?;
    let held = charged_again(&at, &req, &id).await?;
    let paid = take(&at.state, till(&at.state)?, &held, &saved.setup).await?;
    Ok(HttpResponse::Ok().json(Looked { paid, url: format!("/orders/{}", held.order.id) }))
}

/// Asks the provider what became of a setup, and lets the order use its card; `false`: no card was saved.
pub async fn take(state: &State, till: &Till, held: &Purchase, setup: &str) -> Result<bool, Problem> {
    let method = match till.card_of(held, setup).await {
        Err(NotTaken::Provider(StripeError::Missing)) => return Err(Problem::not_found()),
        found => found?,
    };
    let Some(method) = method else { return Ok(false) };
    work::tell(state, &held.order.id, Event::UseMethod { method: method.clone() }).await.map_err(not_done)?;
    if let (Some(user), Some(customer)) = (&held.user, &held.customer)
        && let Err(error) = till.remember(&state.db, user, customer, Some(&method)).await
    {
        tracing::warn!(%error, "the saved card of a buyer is not known");
    }
    Ok(true)
}
