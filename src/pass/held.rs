//! `GET /api/v1/me/passes`: what a person holds, and what it opens for them now.

use actix_web::HttpResponse;
use backstage_core::access::{Decision, Denial, Person};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

use super::{grants, offer, routes, store};
use crate::access;
use crate::api::answers::Signed;
use crate::api::words::Holding;
use crate::error::Problem;
use crate::security::visitor::Visit;

/// Where something is, and what it is called.
#[derive(Serialize, ToSchema)]
#[schema(as = NamedAddress)]
struct Named {
    id: String,
    #[schema(max_length = 48)]
    slug: String,
    /// Name or title.
    name: String,
    /// Path of its page.
    url: String,
}

/// A pass in the person's hand.
#[derive(Serialize, ToSchema)]
struct HeldPass {
    pass: Named,
    space: Named,
    /// `holds`, `expired` or `revoked`.
    #[schema(value_type = Holding)]
    state: &'static str,
    /// ms since 1970 UTC.
    granted_at: i64,
    /// ms since 1970 UTC; null has no end.
    ends_at: Option<i64>,
    /// What the person may watch with it now.
    experiences: Vec<Named>,
}

/// What the person holds.
#[derive(Serialize, ToSchema)]
struct HeldPasses {
    /// Newest first, at most 200; also those that ended.
    passes: Vec<HeldPass>,
}

/// The passes that the person holds or held, and what each opens now.
#[utoipa::path(
    get, path = "/api/v1/me/passes", operation_id = "my_passes", tag = "people",
    responses((status = 200, description = "The passes", body = HeldPasses), Signed),
)]
pub async fn index(at: Visit) -> Result<HttpResponse, Problem> {
    let (state, now) = (&at.state, at.state.clock.now());
    let user = &at.person()?.user;
    let (mut passes, mut known) = (vec![], HashMap::new());
    for (id, grant) in grants::of_user(&state.db, user).await? {
        if !known.contains_key(&id) {
            let Some(space) = state.store.space(&id).await?.map(|found| found.state) else { continue };
            let experiences = routes::experiences(state, &space).await?;
            known.insert(id.clone(), (space, experiences));
        }
        let (Some((space, experiences)), Some(pass)) = (known.get(&id), store::by_id(&state.db, &grant.pass).await?)
        else {
            continue;
        };
        let ended = offer::ended(&grant, now);
        let (granted_at, ends_at) = (grant.granted_at.0, grant.expires_at.map(|at| at.0));
        let alone = Person { role: None, grants: vec![grant] };
        let here = &space.settings.slug;
        let opened = experiences.iter().filter(|experience| {
            pass.terms.opens.opens(&experience.id)
                && ended.is_none()
                && matches!(access::judge(state, &alone, space, experience), Decision::Allowed { .. })
        });
        passes.push(HeldPass {
            state: match ended {
                None => "holds",
                Some(Denial::Revoked) => "revoked",
                Some(Denial::Expired | Denial::NeedsPass | Denial::Suspended) => "expired",
            },
            granted_at,
            ends_at,
            experiences: opened
                .map(|experience| Named {
                    id: experience.id.to_string(),
                    slug: experience.settings.slug.to_string(),
                    name: experience.settings.title.clone(),
                    url: format!("/m/{here}/{}", experience.settings.slug),
                })
                .collect(),
            pass: Named {
                id: pass.id.to_string(),
                slug: pass.terms.slug.to_string(),
                name: pass.terms.name.clone(),
                url: format!("/{here}/{}", pass.terms.slug),
            },
            space: Named {
                id: space.id.to_string(),
                slug: here.to_string(),
                name: space.settings.name.clone(),
                url: format!("/{here}"),
            },
        });
    }
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(HeldPasses { passes }))
}
