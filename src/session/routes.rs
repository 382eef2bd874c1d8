//! Signing in and out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::codes::{self, Tried};
use super::views::{SessionCode, SessionNew};
use super::{SESSION_DAYS, device, mail, store};
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::locale;
use crate::page::{see_other, show, show_again};
use crate::security::next::local_path;
use crate::security::seal;
use crate::security::visitor::Visit;
use crate::user;
use backstage_core::UserId;

/// Query of the first step.
#[derive(Deserialize, Default)]
pub struct Start {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub async fn new(at: Visit, query: web::Query<Start>) -> Result<HttpResponse, Problem> {
    let next = local_path(&query.next).unwrap_or_default().to_string();
    if at.session.as_ref().is_some_and(|session| session.email.is_some()) {
        return Ok(see_other(if next.is_empty() { "/studio" } else { &next }));
    }
    show(&SessionNew { page: at.page_t("session.new.title"), email: String::new(), next, error: None })
}

/// The form of the first step.
#[derive(Deserialize)]
pub struct AskForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`: sends a code. The answer is the same for every address.
pub async fn ask(at: Visit, form: web::Form<AskForm>) -> Result<HttpResponse, Problem> {
    let next = local_path(&form.next).unwrap_or_default().to_string();
    let again = |error: &str, status: StatusCode| {
        let email = form.email.chars().take(254).collect();
        let page = at.page_t("session.new.title");
        crate::page::respond(
            status,
            &SessionNew { page, email, next: next.clone(), error: Some(locale::text(error).to_string()) },
        )
    };
    let Some(email) = codes::address(&form.email) else {
        return again("session.new.invalid_email", StatusCode::UNPROCESSABLE_ENTITY);
    };
    let Some(browser) = at.browser() else {
        return Err(Problem::forged());
    };
    let state = &at.state;
    let network = at.network();
    let known = store::network_known(&state.db, &email, &network).await?;
    let limits = &state.limits;
    let within = limits
        .codes_per_network
        .take(&network)
        .and_then(|()| limits.codes_per_address_and_network.take(&format!("{email} {network}")))
        .and_then(|()| if known { Ok(()) } else { limits.codes_per_address.take(&email) });
    if within.is_err() {
        return again("session.new.too_many", StatusCode::TOO_MANY_REQUESTS);
    }
    let code = seal::random_code().map_err(Problem::internal)?;
    codes::keep(&state.db, &state.seal, &state.ids.next(), &email, &browser, &code, state.clock.now()).await?;
    state.mail.send(mail::code_letter(&email, &code)).await?;
    show(&SessionCode { page: at.page_t("session.code.title"), email, next, error: None })
}

/// The form of the second step.
#[derive(Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in/code`: the right code signs in. A guest's passes come along.
pub async fn enter(at: Visit, req: HttpRequest, form: web::Form<CodeForm>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let next = local_path(&form.next).unwrap_or_default().to_string();
    let (Some(email), Some(browser)) = (codes::address(&form.email), at.browser()) else {
        return Ok(see_other("/sign-in"));
    };
    let again = |error: &str| {
        let page = at.page_t("session.code.title");
        show_again(&SessionCode {
            page,
            email: email.clone(),
            next: next.clone(),
            error: Some(locale::text(error).to_string()),
        })
    };
    if state.limits.tries_per_network.take(&at.network()).is_err() {
        return again("session.code.too_many");
    }
    let Some(code) = codes::digits(&form.code) else {
        return again("session.code.wrong");
    };
    let now = state.clock.now();
    match codes::attempt(&state.db, &state.seal, &email, &browser, &code, now).await? {
        Tried::Right => {}
        Tried::Wrong => return again("session.code.wrong"),
        Tried::Expired => return again("session.code.expired"),
        Tried::Burnt => return again("session.code.too_many"),
    }
    let guest = at.session.as_ref().filter(|session| session.email.is_none()).map(|session| session.user.clone());
    let user = user::store::sign_in(&state.db, state.ids.as_ref(), &email, guest.as_ref(), now).await?;
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
