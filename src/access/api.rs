//! `GET /api/v1/spaces/{space}/access`: who can see what, for the team.

use actix_web::{HttpResponse, web};
use backstage_core::access::{Decision, Grant, Person};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::Team;
use crate::api::words::{AccessRule, PassStatus};
use crate::error::Problem;
use crate::experience::form::rule_word;
use crate::pass::{offer, routes};
use crate::security::visitor::Visit;
use crate::studio::routes::{Wants, find_space};

/// A column: a pass.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessColumn)]
struct Column {
    id: String,
    #[schema(max_length = 48)]
    slug: String,
    #[schema(max_length = 60)]
    name: String,
    #[schema(value_type = PassStatus)]
    status: &'static str,
}

/// A row: an experience.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessRow)]
struct Row {
    id: String,
    #[schema(max_length = 48)]
    slug: String,
    #[schema(max_length = 120)]
    title: String,
    /// `open`: anybody may watch. `pass`: a pass that opens it is needed.
    #[schema(value_type = AccessRule)]
    access: &'static str,
    /// Somebody without a pass may watch.
    anybody: bool,
    /// Slugs of the passes whose holders may watch.
    passes: Vec<String>,
}

/// Who can see what.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessMatrix)]
struct Matrix {
    /// The space is closed by its operator: nobody watches anything.
    suspended: bool,
    /// In the team's order.
    passes: Vec<Column>,
    /// In the team's order.
    experiences: Vec<Row>,
}

/// For each experience: may everybody watch, and which passes open it. The team itself may watch everything.
#[utoipa::path(
    get, path = "/api/v1/spaces/{space}/access", operation_id = "access", tag = "team",
    params(("space" = String, Path, description = "Address part", min_length = 1, max_length = 48)),
    responses((status = 200, description = "Who can see what", body = Matrix), Team),
)]
pub async fn show(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let passes = offer::passes(state, &space.id).await?;
    let now = state.clock.now();
    let holder = |pass: &crate::pass::store::Pass| {
        let opens = pass.terms.opens.clone();
        let grant = Grant { pass: pass.id.clone(), opens, granted_at: now, expires_at: None, revoked_at: None };
        Person { role: None, grants: vec![grant] }
    };
    let experiences = routes::experiences(state, &space).await?.into_iter().map(|experience| {
        let may =
            |person: &Person| matches!(super::judge(state, person, &space, &experience), Decision::Allowed { .. });
        let opening = passes.iter().filter(|pass| may(&holder(pass)));
        Row {
            anybody: may(&Person::default()),
            passes: opening.map(|pass| pass.terms.slug.to_string()).collect(),
            access: rule_word(experience.settings.access),
            id: experience.id.to_string(),
            slug: experience.settings.slug.to_string(),
            title: experience.settings.title.clone(),
        }
    });
    let experiences = experiences.collect();
    let column = |pass: &crate::pass::store::Pass| Column {
        id: pass.id.to_string(),
        slug: pass.terms.slug.to_string(),
        name: pass.terms.name.clone(),
        status: pass.terms.status.as_str(),
    };
    let passes = passes.iter().map(column).collect();
    Ok(HttpResponse::Ok().json(Matrix { suspended: space.suspended, passes, experiences }))
}
