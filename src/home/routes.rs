//! `/`, and the language of the pages.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::views::HomeShow;
use crate::error::Problem;
use crate::locale::Language;
use crate::page::{Moment, initials, see_other, show as render};
use crate::poster;
use crate::security::next as places;
use crate::security::visitor::Visit;
use crate::space;
use crate::space::routes::on_air;
use crate::space::views::ShowCard;
use backstage_core::stream::Phase;

/// Shows on the front page.
pub const SHOWS_MAX: u32 = 24;

/// `GET /`
pub async fn show(at: Visit) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (mut live, mut upcoming) = (vec![], vec![]);
    for found in state.store.live_and_upcoming(SHOWS_MAX).await? {
        let starts_at = match found.stream.phase {
            Phase::Scheduled { starts_at } => Some(starts_at),
            Phase::Lobby { starts_at, .. } => starts_at,
            _ => None,
        };
        let card = ShowCard {
            title: found.experience.settings.title.clone(),
            url: format!("/m/{}/{}", found.space.settings.slug, found.experience.settings.slug),
            space_name: found.space.settings.name.clone(),
            accent: space::store::accent(&state.db, &found.space.id).await?,
            poster: poster::store::of(&state.db, &found.experience.id).await?,
            mark: initials(&found.experience.settings.title),
            starts_at: starts_at.map(Moment::from),
            live: on_air(&found.stream.phase),
        };
        if card.live { live.push(card) } else { upcoming.push(card) }
    }
    render(&HomeShow { page: at.page_t("home.headline"), live, upcoming })
}

/// What the form in the foot says.
#[derive(Deserialize)]
pub struct Choice {
    language: String,
    #[serde(default)]
    next: String,
}

/// `POST /language`: this browser reads the pages in another language from now on.
pub async fn language(at: Visit, choice: web::Form<Choice>) -> Result<HttpResponse, Problem> {
    let language =
        Language::parse(&choice.language).ok_or_else(|| Problem::bad_request("There is no such language here."))?;
    let mut response = see_other(places::local_path(&choice.next).unwrap_or("/"));
    response.add_cookie(&at.state.jar.language(language)).map_err(Problem::internal)?;
    Ok(response)
}
