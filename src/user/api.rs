//! `GET /api/v1/me`: who is asking.

use actix_web::{HttpRequest, HttpResponse};
use backstage_core::access::Role;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answers::Signed;
use crate::api::words::TeamRole;
use crate::error::Problem;
use crate::security::csrf;
use crate::security::visitor::Visit;
use crate::team;

/// A space whose team the person is in.
#[derive(Serialize, ToSchema)]
struct OwnSpace {
    slug: String,
    name: String,
    /// The person's part in its team.
    #[schema(value_type = TeamRole)]
    role: &'static str,
}

/// The person signed in.
#[derive(Serialize, ToSchema)]
struct Me {
    id: String,
    #[schema(max_length = 80)]
    name: String,
    /// Null for guests and for those who came by phone.
    email: Option<String>,
    /// With its country code, as `+34600123456`; null for guests and for those who came by mail.
    phone: Option<String>,
    /// Of `/@handle`; null without a profile.
    handle: Option<String>,
    /// Here on this device only, without an account.
    guest: bool,
    /// What `X-CSRF-Token` must say with this session.
    csrf_token: String,
    /// In the order in which the teams were joined.
    spaces: Vec<OwnSpace>,
}

/// The person who is signed in, the token for their requests and the spaces that they work on.
#[utoipa::path(
    get, path = "/api/v1/me", operation_id = "me", tag = "people",
    responses((status = 200, description = "Who it is", body = Me), Signed),
)]
pub async fn me(at: Visit, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let (state, person) = (&at.state, at.person()?);
    let mut spaces = vec![];
    for (team, role) in team::store::of_user(&state.db, &person.user).await? {
        spaces.extend(state.store.spaces_of(&team).await?.into_iter().map(|found| OwnSpace {
            slug: found.state.settings.slug.to_string(),
            name: found.state.settings.name,
            role: Role::as_str(role),
        }));
    }
    let seed = csrf::seed(&state.jar, req.headers()).ok_or_else(Problem::sign_in)?;
    let me = Me {
        id: person.user.to_string(),
        name: person.name.clone(),
        email: person.email.clone(),
        phone: person.phone.as_ref().map(|phone| phone.to_string()),
        handle: person.handle.clone(),
        guest: person.is_guest(),
        csrf_token: csrf::token(&state.seal, seed),
        spaces,
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(me))
}
