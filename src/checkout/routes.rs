//! From a price to a paid order. Signing in comes afterwards, and only for those who want to come back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use backstage_core::pass::PriceKind;
use backstage_core::space::Space;
use backstage_core::{OrderId, PriceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{Asked, CheckoutShow, PriceCard, SavedCard};
use crate::access;
use crate::api::answers::{Counted, ProblemShape};
use crate::api::body;
use crate::error::Problem;
use crate::money;
use crate::order::store::{self as orders, NewPurchase, NotDone, Purchase};
use crate::order::{self, Answer, NotTaken, Till, customers};
use crate::page::{many_lines, see_other, show as render};
use crate::pass::offer;
use crate::pass::routes::moved_pass;
use crate::pass::store::Pass;
use crate::price::{ANSWER_CHARS_MAX, Offer, store as prices};
use crate::security::visitor::Visit;
use crate::session::send::NotSent;
use crate::space::routes::moved_space;
use crate::state::State;
use crate::user::{Contact, NotAContact};
use crate::{experience, locale};

/// Pieces left from which on it is said how many there are.
const FEW: u32 = 20;

/// Which price is meant.
#[derive(Deserialize)]
pub struct Wanted {
    price: Option<String>,
    /// `phone`: by a number.
    by: Option<String>,
}

/// `GET /{space}/{pass}/checkout`, with `?price=` for another than the first and `?by=phone` for a number
/// instead of an address.
pub async fn show(
    at: Visit,
    address: web::Path<(String, String)>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let till = till(state)?;
    let (space, pass) = find(state, &address).await?;
    if let Some(inside) = inside(&at, &space, &pass).await? {
        return Ok(see_other(&inside));
    }
    let shelf = prices::shelf(&state.db, &space.id).await?;
    if shelf.is_free(&pass.id) {
        return Ok(see_other(&format!("/{}/{}", space.settings.slug, pass.terms.slug)));
    }
    let asked = |offer: &&Offer| wanted.price.as_deref().is_none_or(|id| offer.id.as_str() == id);
    // A price from before an edit leads to the pass, which says what it costs now.
    let Some(offer) = shelf.of(&pass.id).find(asked) else {
        return Ok(at.see_other_with(&format!("/{}/{}", space.settings.slug, pass.terms.slug), "checkout.price_gone"));
    };
    let saved = match at.account() {
        Ok(session) => customers::saved_card(&state.db, &session.user, till.provider).await?,
        Err(_) => None,
    };
    let due = offer.price.due_now();
    render(&CheckoutShow {
        page: at.page(locale::text_with("checkout.title", "name", &pass.terms.name)),
        space: experience::routes::space_ref(state, &space).await?,
        pass_name: pass.terms.name.clone(),
        headline: pass.terms.headline.clone(),
        pass_slug: pass.terms.slug.to_string(),
        price: price_card(offer),
        due: money::text(due),
        due_minor: due.minor,
        currency: due.currency.code().to_ascii_lowercase(),
        contact: at.account().ok().and_then(|session| session.contact()).map(|it| it.to_string()).unwrap_or_default(),
        texts: state.sms.is_some(),
        by_phone: state.sms.is_some() && wanted.by.as_deref() == Some("phone"),
        questions: (0..)
            .zip(&offer.options.questions)
            .map(|(place, question)| Asked { place, question: question.clone() })
            .collect(),
        saved: saved.map(|(_, name)| SavedCard { name }),
        publishable_key: till.publishable_key.clone(),
        sandbox: till.is_sandbox(),
        later: offer.price.charges_later(),
        methods: offer.options.methods.join(" "),
    })
}

/// A price as a buyer reads it.
pub fn price_card(offer: &Offer) -> PriceCard {
    let price = &offer.price;
    let mut notes = vec![];
    if let Some(days) = price.trial_days {
        notes.push(match days {
            1 => locale::text("price.trial_one").to_string(),
            days => locale::text_with("price.trial", "days", days),
        });
    }
    if let Some(fee) = price.initial_fee {
        notes.push(locale::text_with("price.fee", "amount", money::text(fee)));
    }
    if let PriceKind::Once { split: Some(_), .. } = price.kind {
        let first = price.due_now().minor - price.initial_fee.map_or(0, |fee| fee.minor);
        let first = backstage_core::money::Money { minor: first, ..price.amount() };
        notes.push(locale::text_with("price.first_part", "amount", money::text(first)));
    }
    let left = offer.stock.left();
    PriceCard {
        id: offer.id.to_string(),
        amount: money::text(price.amount()),
        how: money::how(price),
        due: money::text(price.due_now()),
        notes,
        left: left.filter(|left| (1..=FEW).contains(left)).map(|left| match left {
            1 => locale::text("price.left_one").to_string(),
            left => locale::text_with("price.left", "count", left),
        }),
        sold_out: left == Some(0),
        plain: offer.options.questions.iter().all(|question| !question.required),
    }
}

/// What a browser sends to buy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Buying {
    /// The price.
    #[schema(min_length = 1, max_length = 64)]
    price: String,
    /// The buyer's address, for those without an account.
    #[serde(default)]
    #[schema(max_length = 254)]
    email: String,
    /// The buyer's phone number instead, with its country code, where the site sends text messages.
    #[serde(default)]
    #[schema(max_length = 64)]
    phone: String,
    /// To the questions of the price, in their order.
    #[serde(default)]
    #[schema(max_items = 10)]
    answers: Vec<String>,
    /// Pay with the saved card.
    #[serde(default)]
    saved: bool,
}

/// What the browser does next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// Let the buyer pay, with this.
    Confirm {
        /// The order.
        #[schema(value_type = String)]
        order: OrderId,
        /// Opens the payment.
        client_secret: String,
        /// A card is saved, nothing is paid.
        saves_only: bool,
        /// Where the buyer comes back to who is led away.
        return_url: String,
    },
    /// Send the buyer there.
    Go {
        /// The order.
        #[schema(value_type = String)]
        order: OrderId,
        /// The address.
        url: String,
    },
}

/// Begins a purchase, or goes on with the one that this browser began at the same price.
#[utoipa::path(
    post, path = "/api/v1/checkouts", operation_id = "checkout", tag = "buying",
    request_body(content = Buying, description = "What is bought, by whom"),
    responses(
        (status = 200, description = "What the browser does next", body = Next),
        (status = 402, description = "`card_declined`: another card may do", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such price", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 409, description = "`sold_out`, `price_gone`, `no_payments`", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 422, description = "`email`, `phone`, `answer`, `no_card`: what is typed does not do", body = ProblemShape,
         content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the payment provider cannot be reached; nothing was charged",
         body = ProblemShape, content_type = "application/problem+json",
         headers(("Retry-After" = String, description = "Seconds to wait"))),
        Counted,
    ),
)]
pub async fn create(at: Visit, req: HttpRequest, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let buying: Buying = body::object(&body).map_err(|_| {
        Problem::bad_request(
            "Send a JSON object with price, and with email or phone, answers or saved where they are asked for.",
        )
    })?;
    Ok(HttpResponse::Ok().json(begin(&at, &req, &buying).await?))
}

/// A form that buys with one click.
#[derive(Deserialize)]
pub struct OneClick {
    #[serde(default)]
    price: String,
}

/// `POST /{space}/{pass}/buy`: with the saved card.
pub async fn buy(
    at: Visit,
    req: HttpRequest,
    address: web::Path<(String, String)>,
    form: web::Form<OneClick>,
) -> Result<HttpResponse, Problem> {
    let buying =
        Buying { price: form.price.clone(), email: String::new(), phone: String::new(), answers: vec![], saved: true };
    match begin(&at, &req, &buying).await {
        Ok(Next::Go { url, .. }) => Ok(HttpResponse::SeeOther().insert_header(("location", url)).finish()),
        Ok(Next::Confirm { .. }) => Err(Problem::internal("a saved card was not charged")),
        // Another card may do.
        Err(problem) if problem.status == StatusCode::PAYMENT_REQUIRED || problem.code == "answer" => {
            let price = url::form_urlencoded::byte_serialize(form.price.as_bytes()).collect::<String>();
            let flash = if problem.code == "answer" { "checkout.answer_first" } else { "checkout.declined" };
            Ok(at.see_other_with(&format!("/{}/{}/checkout?price={price}", address.0, address.1), flash))
        }
        Err(problem) => Err(problem),
    }
}

async fn begin(at: &Visit, req: &HttpRequest, buying: &Buying) -> Result<Next, Problem> {
    let state = &at.state;
    let till = till(state)?;
    state.limits.joins_per_network.take(&at.network())?;
    let id = PriceId::parse(&buying.price).map_err(|_| Problem::not_found())?;
    let offer = prices::by_id(&state.db, &id).await?.ok_or_else(Problem::not_found)?;
    let space = state.store.space(&offer.space).await?.ok_or_else(Problem::not_found)?.state;
    let pass = crate::pass::store::by_id(&state.db, &offer.pass).await?.ok_or_else(Problem::not_found)?;
    if offer.retired || !pass.is_published() {
        let detail = "This price is no longer on sale. Reload the page to see what it costs now.";
        return Err(Problem::new(StatusCode::CONFLICT, "price_gone", detail));
    }
    if space.suspended {
        return Err(offer::over(backstage_core::access::Denial::Suspended));
    }
    if let Some(inside) = inside(at, &space, &pass).await? {
        let order = OrderId::parse(&state.ids.next()).map_err(Problem::internal)?;
        return Ok(Next::Go { order, url: inside });
    }
    let account = at.account().ok();
    let contact = match account.and_then(|session| session.contact()) {
        Some(contact) => contact,
        None => typed(state, buying)?,
    };
    let answers = answers(&offer, &buying.answers)?;
    let browser = at.browser_of(req).ok_or_else(Problem::forged)?;
    let user = account.map(|session| &session.user);
    let saved = match (buying.saved, user) {
        (true, Some(user)) => customers::saved_card(&state.db, user, till.provider).await?,
        _ => None,
    };
    if buying.saved && saved.is_none() {
        return Err(refused("no_card", "There is no saved card. Type in one."));
    }
    let customer = match user {
        Some(user) => customers::customer_of(&state.db, user, till.provider).await?,
        None => None,
    };
    let new = NewPurchase {
        id: OrderId::parse(&state.ids.next()).map_err(Problem::internal)?,
        offer: &offer,
        user,
        contact: &contact,
        browser: &browser,
        provider: till.provider,
        customer: customer.as_deref(),
        answers: &answers,
        platform_fee_bp: till.platform_fee_bp,
    };
    let held = match orders::open(&state.db, &new, state.clock.now()).await {
        // A second click while the first one was being paid: its page leads inside.
        Err(NotDone::Bought(order)) => return Ok(Next::Go { url: format!("/orders/{order}"), order }),
        opened => opened.map_err(not_done)?,
    };
    till.bell.notify_one();
    let order = held.order.id.clone();
    let methods = &offer.options.methods;
    if let Some((method, _)) = saved {
        return Ok(Next::Go { url: pay_saved(state, till, &held, methods, &method).await?, order });
    }
    let begun = till.begin(&state.db, &held, methods).await?;
    Ok(Next::Confirm {
        client_secret: begun.client_secret.expose().to_owned(),
        saves_only: begun.saves_only,
        return_url: till.return_url(&order),
        order,
    })
}

async fn pay_saved(
    state: &State,
    till: &Till,
    held: &Purchase,
    methods: &[String],
    method: &str,
) -> Result<String, Problem> {
    let order = &held.order.id;
    match till.pay_saved(&state.db, held, methods, method).await {
        Ok(Answer::Done(event)) => {
            order::tell(state, order, event).await.map_err(not_done)?;
            Ok(format!("/orders/{order}/in"))
        }
        Ok(Answer::Go(url)) => Ok(url.expose().to_owned()),
        Ok(Answer::Open) => Ok(format!("/orders/{order}")),
        Ok(Answer::Closed | Answer::Declined) => Err(declined()),
        // Confirmed by another window, or paid already: the order's page says which.
        Err(NotTaken::Provider(crate::adapters::stripe::StripeError::Rejected { .. })) => {
            Ok(format!("/orders/{order}"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Somebody who is in already goes there instead of paying again.
async fn inside(at: &Visit, space: &Space, pass: &Pass) -> Result<Option<String>, Problem> {
    let state = &at.state;
    let person = access::person(state, at.session.as_deref(), space).await?;
    let holds = offer::grant(&person, pass).is_some_and(|grant| offer::ended(grant, state.clock.now()).is_none());
    if person.role.is_none() && !holds {
        return Ok(None);
    }
    let experiences = crate::pass::routes::experiences(state, space).await?;
    Ok(Some(offer::entrance(space, &experiences, pass)))
}

/// Who buys, for those without an account. A number is proven by a code alone: without texts nobody could come in with it.
fn typed(state: &State, buying: &Buying) -> Result<Contact, Problem> {
    let phone = Some(buying.phone.as_str()).filter(|phone| !phone.is_empty());
    match Contact::of_form(&buying.email, phone) {
        Ok(Contact::Phone(_)) if state.sms.is_none() => Err(refused("phone", locale::text(NotSent::NoTexts.key()))),
        Ok(contact) => Ok(contact),
        Err(why @ NotAContact::Phone(_)) => Err(refused("phone", locale::text(why.key()))),
        Err(NotAContact::Email) => Err(refused("email", "This is not a mail address.")),
    }
}

fn answers(offer: &Offer, given: &[String]) -> Result<Vec<String>, Problem> {
    let given = given.iter().map(String::as_str).chain(std::iter::repeat(""));
    let answer = |(question, answer): (&crate::price::Question, &str)| {
        let answer = many_lines(answer);
        if question.required && answer.is_empty() {
            return Err(refused("answer", "Please answer every question that is marked as required."));
        }
        if answer.chars().count() > ANSWER_CHARS_MAX {
            return Err(refused("answer", "An answer has up to 1,000 characters."));
        }
        Ok(answer)
    };
    offer.options.questions.iter().zip(given).map(answer).collect()
}

/// What an order's refusal means to a person.
pub fn not_done(error: NotDone) -> Problem {
    match error {
        NotDone::SoldOut => Problem::new(StatusCode::CONFLICT, "sold_out", "The last one has just been sold."),
        NotDone::Bought(_) => Problem::new(StatusCode::CONFLICT, "bought", "You have just bought it."),
        NotDone::Missing => Problem::not_found(),
        NotDone::Rejected(rejection) => Problem::new(StatusCode::CONFLICT, "order_refused", rejection.to_string()),
        NotDone::Database(error) => error.into(),
    }
}

fn refused(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

fn declined() -> Problem {
    Problem::new(StatusCode::PAYMENT_REQUIRED, "card_declined", "The card was declined. Try another one.")
}

/// Who takes the money; without one nothing is sold.
pub fn till(state: &State) -> Result<&Till, Problem> {
    state.till.as_deref().ok_or_else(|| {
        let detail = "This site does not take payments yet. Ask its operator to set up payments.";
        Problem::new(StatusCode::CONFLICT, "no_payments", detail)
    })
}

async fn find(state: &State, address: &(String, String)) -> Result<(Space, Pass), Problem> {
    let space = match state.store.find_space(&address.0).await? {
        Some(found) => found.state,
        None => moved_space(state, &address.0).await?.ok_or_else(Problem::not_found)?,
    };
    let passes = offer::passes(state, &space.id).await?;
    let pass = match offer::selected(&passes, Some(&address.1)) {
        Some(pass) => pass.clone(),
        None => moved_pass(state, &space.id, &address.1).await?.ok_or_else(Problem::not_found)?,
    };
    Ok((space, pass))
}
