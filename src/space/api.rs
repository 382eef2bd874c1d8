//! `/api/v1/spaces/{space}`: what everybody may know of a space.

use actix_web::{HttpResponse, web};
use backstage_core::access::Decision;
use backstage_core::slug::Slug;
use backstage_core::space::Space;
use serde::Serialize;
use utoipa::ToSchema;

use super::routes::{creator, moved_space, on_air};
use super::store;
use crate::access;
use crate::api::words::AccessRule;
use crate::error::Problem;
use crate::experience::form::rule_word;
use crate::pass::api::Offer;
use crate::pass::{self, offer};
use crate::poster;
use crate::security::visitor::Visit;
use crate::state::State;

/// Whose space it is.
#[derive(Serialize, ToSchema)]
#[schema(as = SpaceCreator)]
struct Face {
    name: String,
    /// Of `/@handle`.
    handle: String,
}

/// A space, as its sales page shows it.
#[derive(Serialize, ToSchema)]
struct SpaceFacts {
    id: String,
    /// Address part now, which may be another than the one asked for.
    #[schema(max_length = 48)]
    slug: String,
    #[schema(max_length = 80)]
    name: String,
    #[schema(max_length = 160)]
    headline: String,
    /// Markdown.
    #[schema(max_length = 4000)]
    description: String,
    /// Path of its page.
    url: String,
    /// Colour of its pages.
    accent: String,
    creator: Face,
    /// On offer, in the team's order; none while the space is closed.
    passes: Vec<Offer>,
}

/// Two pictures of the same.
#[derive(Serialize, ToSchema)]
#[schema(as = PosterPicture)]
struct Picture {
    /// 1,280 pixels wide.
    large: String,
    /// 640 pixels wide.
    small: String,
    /// What it shows; may be empty.
    alt: String,
}

/// An experience, and whether the visitor may watch it.
#[derive(Serialize, ToSchema)]
struct ExperienceFacts {
    id: String,
    #[schema(max_length = 48)]
    slug: String,
    #[schema(max_length = 120)]
    title: String,
    /// Markdown.
    #[schema(max_length = 4000)]
    description: String,
    /// Path of its page.
    url: String,
    /// `open`: anybody may watch. `pass`: a pass that opens it is needed.
    #[schema(value_type = AccessRule)]
    access: &'static str,
    /// The visitor may watch now.
    allowed: bool,
    /// Why not: `needs_pass`, `pass_expired`, `pass_revoked` or `suspended`.
    denied: Option<&'static str>,
    /// Announced start, ms since 1970 UTC.
    #[schema(value_type = Option<i64>)]
    starts_at: Option<i64>,
    /// Something is on air.
    live: bool,
    poster: Option<Picture>,
}

/// The experiences of a space.
#[derive(Serialize, ToSchema)]
#[schema(as = SpaceExperiences)]
struct Experiences {
    /// In the team's order.
    experiences: Vec<ExperienceFacts>,
}

/// The space at an address, or that had it before.
async fn at_address(state: &State, slug: &str) -> Result<Space, Problem> {
    Slug::parse(slug).map_err(|_| Problem::not_found())?;
    match state.store.find_space(slug).await? {
        Some(found) => Ok(found.state),
        None => moved_space(state, slug).await?.ok_or_else(Problem::not_found),
    }
}

/// A space and the passes on offer. An address that it had before finds it too.
#[utoipa::path(
    get, path = "/api/v1/spaces/{space}", operation_id = "space", tag = "spaces",
    params(("space" = String, Path, description = "Address part", min_length = 1, max_length = 48)),
    responses((status = 200, description = "The space", body = SpaceFacts)),
)]
pub async fn show(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = at_address(state, &slug).await?;
    let passes = offer::passes(state, &space.id).await?;
    let offered = passes.iter().filter(|pass| pass.is_published() && !space.suspended);
    let creator = creator(state, &space.team).await?;
    Ok(HttpResponse::Ok().json(SpaceFacts {
        passes: offered.map(|pass| Offer::of(&space, pass)).collect(),
        accent: store::accent(&state.db, &space.id).await?,
        creator: Face { name: creator.name, handle: creator.handle },
        url: format!("/{}", space.settings.slug),
        id: space.id.to_string(),
        slug: space.settings.slug.to_string(),
        name: space.settings.name,
        headline: space.settings.headline,
        description: space.settings.description,
    }))
}

/// The experiences of a space, and which of them the visitor may watch.
#[utoipa::path(
    get, path = "/api/v1/spaces/{space}/experiences", operation_id = "experiences", tag = "spaces",
    params(("space" = String, Path, description = "Address part", min_length = 1, max_length = 48)),
    responses((status = 200, description = "The experiences", body = Experiences)),
)]
pub async fn experiences(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = at_address(state, &slug).await?;
    let person = access::person(state, at.session.as_deref(), &space).await?;
    let mut experiences = vec![];
    for experience in pass::routes::experiences(state, &space).await? {
        let snapshot = state.live.snapshot(&experience.id).await?;
        let stream = snapshot.as_ref().and_then(|snapshot| snapshot.stream.as_ref());
        let denied = match access::judge(state, &person, &space, &experience) {
            Decision::Allowed { .. } => None,
            Decision::Denied(denial) => Some(denial.code()),
        };
        let poster = poster::store::of(&state.db, &experience.id).await?;
        experiences.push(ExperienceFacts {
            url: format!("/m/{}/{}", space.settings.slug, experience.settings.slug),
            access: rule_word(experience.settings.access),
            allowed: denied.is_none(),
            denied,
            starts_at: experience.settings.starts_at.map(|at| at.0),
            live: stream.is_some_and(|stream| on_air(&stream.phase)),
            poster: poster.map(|poster| Picture { large: poster.large, small: poster.small, alt: poster.alt }),
            id: experience.id.to_string(),
            slug: experience.settings.slug.to_string(),
            title: experience.settings.title,
            description: experience.settings.description,
        });
    }
    Ok(HttpResponse::Ok().json(Experiences { experiences }))
}
