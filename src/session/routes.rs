//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::codes::{self, Tried};
use super::send::{self, NotSent};
use super::views::{SessionCode, SessionNew};
use super::{SESSION_DAYS, device, store};
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::locale;
use crate::page::{see_other, show, show_again};
use crate::security::next::local_path;
use crate::security::seal;
use crate::security::visitor::Visit;
use crate::user::contact::CONTACT_CHARS_MAX;
use crate::user::{self, Contact};
use backstage_core::UserId;

/// Query of the first step.
#[derive(Deserialize, Default)]
pub struct Start {
    #[serde(default)]
    next: String,
    /// `phone`: by a number.
    #[serde(default)]
    by: String,
}

/// `GET /sign-in`, with `?by=phone` for a number instead of an address.
pub async fn new(at: Visit, query: web::Query<Start>) -> Result<HttpResponse, Problem> {
    let next = local_path(&query.next).unwrap_or_default().to_string();
    if at.account().is_ok() {
        return Ok(see_other(if next.is_empty() { "/studio" } else { &next }));
    }
    show(&first_step(&at, query.by == "phone", String::new(), next, None))
}

fn first_step(at: &Visit, by_phone: bool, typed: String, next: String, error: Option<&str>) -> SessionNew {
    let texts = at.state.sms.is_some();
    SessionNew {
        page: at.page_t("session.new.title"),
        texts,
        by_phone: texts && by_phone,
        typed,
        next,
        error: error.map(|key| locale::text(key).to_string()),
    }
}

/// The form of the first step: an address or a number.
#[derive(Deserialize)]
pub struct AskForm {
    #[serde(default)]
    email: String,
    phone: Option<String>,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`: sends a code. The answer is the same for everybody.
pub async fn ask(at: Visit, form: web::Form<AskForm>) -> Result<HttpResponse, Problem> {
    let next = local_path(&form.next).unwrap_or_default().to_string();
    let again = |error: &str, status: StatusCode| {
        let typed = form.phone.as_ref().unwrap_or(&form.email).chars().take(CONTACT_CHARS_MAX).collect();
        crate::page::respond(status, &first_step(&at, form.phone.is_some(), typed, next.clone(), Some(error)))
    };
    let contact = match Contact::of_form(&form.email, form.phone.as_deref()) {
        Ok(contact) => contact,
        Err(why) => return again(why.key(), StatusCode::UNPROCESSABLE_ENTITY),
    };
    match send::code(&at, &contact).await? {
        Ok(()) => show(&second_step(&at, &contact, next, None)),
        Err(why @ NotSent::NoTexts) => again(why.key(), StatusCode::UNPROCESSABLE_ENTITY),
        Err(why @ (NotSent::TooMany | NotSent::Capped)) => again(why.key(), StatusCode::TOO_MANY_REQUESTS),
    }
}

fn second_step(at: &Visit, contact: &Contact, next: String, error: Option<&str>) -> SessionCode {
    SessionCode {
        page: at.page_t(match contact {
            Contact::Email(_) => "session.code.title",
            Contact::Phone(_) => "session.code.title_phone",
        }),
        contact: contact.to_string(),
        field: contact.field(),
        next,
        error: error.map(|key| locale::text(key).to_string()),
    }
}

/// The form of the second step.
#[derive(Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    email: String,
    phone: Option<String>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in/code`: the right code signs in. A guest's passes come along.
pub async fn enter(at: Visit, req: HttpRequest, form: web::Form<CodeForm>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let next = local_path(&form.next).unwrap_or_default().to_string();
    let (Ok(contact), Some(browser)) = (Contact::of_form(&form.email, form.phone.as_deref()), at.browser()) else {
        return Ok(see_other("/sign-in"));
    };
    let again = |error: &str| show_again(&second_step(&at, &contact, next.clone(), Some(error)));
    if state.limits.tries_per_network.take(&at.network()).is_err() {
        return again("session.code.too_many");
    }
    let Some(code) = codes::digits(&form.code) else {
        return again("session.code.wrong");
    };
    let now = state.clock.now();
    match codes::attempt(&state.db, &state.seal, &contact, &browser, &code, now).await? {
        Tried::Right => {}
        Tried::Wrong => return again("session.code.wrong"),
        Tried::Expired => return again("session.code.expired"),
        Tried::Burnt => return again("session.code.too_many"),
    }
    let guest = at.session.as_ref().filter(|session| session.is_guest()).map(|session| session.user.clone());
    let user = user::store::sign_in(&state.db, state.ids.as_ref(), &contact, guest.as_ref(), now).await?;
    if let Some(guest) = &guest {
        state.sessions.forget_user(guest);
        state.access.forget_user(guest);
        state.access.forget_user(&user);
    }
    let cookie = open(&at, &req, &user).await?;
    audit::record(state, &user, Action::SignedIn, user.as_str()).await?;
    let target = if next.is_empty() { "/studio" } else { &next };
    let mut response = at.see_other_with(target, "session.signed_in");
    response.add_cookie(&cookie).map_err(Problem::internal)?;
    let _ = response.add_cookie(&state.jar.no_visitor());
    Ok(response)
}

/// Opens a session for a person in this browser and gives its cookie. A session the browser had before ends.
pub async fn open(at: &Visit, req: &HttpRequest, user: &UserId) -> Result<actix_web::cookie::Cookie<'static>, Problem> {
    let state = &at.state;
    let now = state.clock.now();
    if let Some(old) = &at.session {
        store::revoke(&state.db, &old.id, &old.user, now).await?;
        state.sessions.forget(&old.id);
    }
    let token = seal::random_token().map_err(Problem::internal)?;
    let agent = req.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    store::open(
        &state.db,
        store::NewSession {
            id: &state.ids.next(),
            user,
            token_hash: &seal::hex(&seal::digest(&token)),
            device: &device(agent),
            network: &at.network(),
            now,
            expires_at: now + SESSION_DAYS * 86_400_000,
        },
    )
    .await?;
    Ok(state.jar.session(&token, SESSION_DAYS))
}

/// `POST /sign-out`
pub async fn leave(at: Visit) -> Result<HttpResponse, Problem> {
    let mut response = at.see_other_with("/", "session.signed_out");
    if let Some(session) = &at.session {
        crate::access::end_session(&at.state, &session.id, &session.user).await?;
    }
    let _ = response.add_cookie(&at.state.jar.no_session());
    let _ = response.add_cookie(&at.state.jar.no_visitor());
    Ok(response)
}
