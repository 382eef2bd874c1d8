//! `/account`

use actix_web::{HttpResponse, web};
use backstage_core::Timestamp;
use serde::Deserialize;

use super::views::{AccountShow, SessionRow};
use crate::error::Problem;
use crate::page::{Moment, one_line, show as render, show_again};
use crate::security::visitor::Visit;
use crate::user::{self, NAME_CHARS_MAX};
use crate::{access, locale, session};

async fn view(at: &Visit, name: String, error: Option<String>) -> Result<AccountShow, Problem> {
    let person = at.person()?;
    let rows = session::store::of_user(&at.state.db, &person.user, at.state.clock.now()).await?;
    let sessions = rows
        .into_iter()
        .map(|row| SessionRow {
            current: row.id == person.id,
            id: row.id,
            device: row.device,
            last_seen: Moment::from(Timestamp(row.last_seen_at)),
        })
        .collect();
    Ok(AccountShow {
        page: at.page_t("account.title"),
        name,
        email: person.contact().map(|contact| contact.to_string()),
        error,
        sessions,
    })
}

/// `GET /account`
pub async fn show(at: Visit) -> Result<HttpResponse, Problem> {
    let name = at.person()?.name.clone();
    render(&view(&at, name, None).await?)
}

/// The form.
#[derive(Deserialize)]
pub struct NameForm {
    #[serde(default)]
    name: String,
}

/// `POST /account`
pub async fn update(at: Visit, form: web::Form<NameForm>) -> Result<HttpResponse, Problem> {
    let person = at.person()?;
    let name = one_line(&form.name);
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let error = Some(locale::text("account.name_missing").to_string());
        return show_again(&view(&at, form.name.clone(), error).await?);
    }
    user::store::rename(&at.state.db, &person.user, &name).await?;
    at.state.sessions.forget_user(&person.user);
    Ok(at.see_other_with("/account", "account.saved"))
}

/// `POST /account/sessions/{id}/revoke`: what it watches stops within 5 s.
pub async fn revoke(at: Visit, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    let person = at.person()?;
    if !access::end_session(&at.state, &id, &person.user).await? {
        return Err(Problem::not_found());
    }
    Ok(at.see_other_with("/account", "account.revoked"))
}
