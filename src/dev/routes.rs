//! `/dev`: 404 outside development.

use actix_web::HttpResponse;
use serde_json::json;

use super::views::{DevComponents, DevMail, MailRow};
use crate::error::Problem;
use crate::page::{Moment, show};
use crate::security::visitor::Visit;

fn only_in_development(at: &Visit) -> Result<(), Problem> {
    if at.state.site.development { Ok(()) } else { Err(Problem::not_found()) }
}

/// `GET /dev/mail`
pub async fn mail(at: Visit) -> Result<HttpResponse, Problem> {
    only_in_development(&at)?;
    let kept = at.state.mail.kept();
    let mails = kept
        .into_iter()
        .map(|(sent_at, letter)| MailRow {
            at: Moment::from(sent_at),
            to: letter.to,
            subject: letter.subject,
            text: letter.text,
        })
        .collect();
    show(&DevMail { page: at.page_t("dev.mail.title"), mails })
}

/// `GET /dev/mail.json`: newest first.
pub async fn mail_json(at: Visit) -> Result<HttpResponse, Problem> {
    only_in_development(&at)?;
    let kept = at.state.mail.kept();
    let mails: Vec<_> = kept
        .into_iter()
        .map(|(sent_at, letter)| {
            json!({ "to": letter.to, "subject": letter.subject, "text": letter.text, "code": letter.code, "at": sent_at })
        })
        .collect();
    Ok(HttpResponse::Ok().json(mails))
}

/// `GET /dev/components`
pub async fn components(at: Visit) -> Result<HttpResponse, Problem> {
    only_in_development(&at)?;
    show(&DevComponents { page: at.page_t("dev.components.title") })
}
