//! `/@handle`

use actix_web::{HttpResponse, web};
use backstage_core::UserId;

use super::store;
use super::views::{Profile, ProfileShow, ProfileSpace};
use crate::error::Problem;
use crate::page::{initials, show as render};
use crate::security::visitor::Visit;
use crate::{space, team};

/// `GET /@{handle}`
pub async fn show(at: Visit, handle: web::Path<String>) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let creator = store::by_handle(&state.db, &handle.to_lowercase()).await?.ok_or_else(Problem::not_found)?;
    let user = UserId::parse(&creator.user_id).map_err(Problem::internal)?;
    let mut spaces = vec![];
    for (team, role) in team::store::of_user(&state.db, &user).await? {
        if !role.may_edit() {
            continue;
        }
        for found in state.store.spaces_of(&team).await? {
            if !found.state.suspended {
                let accent = space::store::accent(&state.db, &found.state.id).await?;
                let settings = found.state.settings;
                spaces.push(ProfileSpace {
                    mark: initials(&settings.name),
                    name: settings.name,
                    slug: settings.slug.to_string(),
                    headline: settings.headline,
                    accent,
                });
            }
        }
    }
    let profile = Profile {
        initials: initials(&creator.name),
        name: creator.name.clone(),
        handle: creator.handle,
        bio: Some(creator.bio).filter(|bio| !bio.is_empty()),
    };
    render(&ProfileShow { page: at.page(creator.name), profile, spaces })
}
