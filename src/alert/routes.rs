//! Turning alerts on and off: on the page of the show, and by the address in the mail.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::views::AlertOff;
use super::{letter, store};
use crate::error::Problem;
use crate::experience::routes::at_address;
use crate::page::{see_other, show as render};
use crate::security::visitor::Visit;
use crate::space::routes::on_air;

/// The form on the page of the show. It says what is wanted, so that sending it twice is once.
#[derive(Deserialize)]
pub struct Wish {
    #[serde(default)]
    wanted: String,
}

/// `POST /m/{space}/{experience}/notify`
pub async fn update(
    at: Visit,
    address: web::Path<(String, String)>,
    wish: web::Form<Wish>,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, experience) = match at_address(state, &address.0, &address.1).await? {
        Ok(found) => found,
        Err(moved) => return Ok(see_other(&moved)),
    };
    let back = format!("/m/{}/{}", space.settings.slug, experience.settings.slug);
    let Ok(person) = at.account() else {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &back).finish();
        return Ok(see_other(&format!("/sign-in?{query}")));
    };
    state.limits.writes_per_network.take(&at.network())?;
    if wish.wanted == "off" {
        store::forget(&state.db, &person.user, &experience.id).await?;
        return Ok(at.see_other_with(&back, "alert.off"));
    }
    if person.email.is_none() {
        return Ok(at.see_other_with(&back, "alert.no_mail"));
    }
    let snapshot = state.live.snapshot(&experience.id).await?.ok_or_else(Problem::not_found)?;
    let on_air = snapshot.stream.as_ref().filter(|stream| on_air(&stream.phase)).map(|stream| stream.id.as_str());
    let id = state.ids.next();
    if !store::want(&state.db, &id, &person.user, &experience.id, on_air, state.clock.now()).await? {
        let detail = "You asked to be told about very many shows. Turn some of them off first.";
        return Err(Problem::new(StatusCode::CONFLICT, "too_many_alerts", detail));
    }
    Ok(at.see_other_with(&back, "alert.on"))
}

/// What the mail's address brings along.
#[derive(Deserialize)]
pub struct Token {
    #[serde(default)]
    token: String,
}

fn page(at: &Visit, id: &str, token: &str, done: bool) -> Result<HttpResponse, Problem> {
    // A token that does not fit and an alert that is gone look the same to a stranger: 404 and "done" tell nothing of it.
    if !letter::fits(&at.state.seal, id, token) {
        return Err(Problem::not_found());
    }
    let (page, action) = (at.page_t("alert.off_page.title"), format!("/alerts/{id}/off"));
    render(&AlertOff { page, action, token: token.to_string(), done })
}

/// `GET /alerts/{id}/off`: asks first, since mail programs open addresses by themselves.
pub async fn ask(at: Visit, id: web::Path<String>, token: web::Query<Token>) -> Result<HttpResponse, Problem> {
    page(&at, &id, &token.token, false)
}

/// `POST /alerts/{id}/off`
pub async fn off(at: Visit, id: web::Path<String>, token: web::Form<Token>) -> Result<HttpResponse, Problem> {
    at.state.limits.writes_per_network.take(&at.network())?;
    let answer = page(&at, &id, &token.token, true)?;
    store::forget_one(&at.state.db, &id).await?;
    Ok(answer)
}
