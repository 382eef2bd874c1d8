//! The studio's pages, and the way from an address to what the visitor may work on.

use actix_web::{HttpResponse, web};
use backstage_core::access::Role;
use backstage_core::experience::Experience;
use backstage_core::space::Space;

use super::views::{StudioExperience, StudioIndex, StudioShow, StudioSpace};
use crate::access;
use crate::error::Problem;
use crate::experience::kinds;
use crate::experience::routes::space_ref;
use crate::experience::views::ExperiencePage;
use crate::page::{Moment, see_other, show as render};
use crate::security::visitor::Visit;
use crate::space::routes::on_air;
use crate::store::Found;
use crate::{space, team};

/// What the visitor wants to do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// See what the team sees.
    Look,
    /// Change it.
    Edit,
    /// Go live.
    Host,
}

impl Wants {
    fn allowed(self, role: Role) -> bool {
        match self {
            Wants::Look => role >= Role::Moderator,
            Wants::Edit => role.may_edit(),
            Wants::Host => role.may_host(),
        }
    }
}

/// The space at an address of the studio: sign in first (401), 404 if it is not there, 403 if it is another team's.
pub async fn find_space(at: &Visit, slug: &str, wants: Wants) -> Result<Space, Problem> {
    at.account()?;
    let space = at.state.store.find_space(slug).await?.ok_or_else(Problem::not_found)?.state;
    match access::role(&at.state, at.session.as_deref(), &space).await? {
        Some(role) if wants.allowed(role) => Ok(space),
        Some(_) | None => Err(Problem::not_yours()),
    }
}

/// The experience at an address of the studio; refusals as [`find_space`].
pub async fn find(
    at: &Visit,
    space: &str,
    experience: &str,
    wants: Wants,
) -> Result<(Space, Found<Experience>), Problem> {
    let space = find_space(at, space, wants).await?;
    let experience = at.state.store.find_experience(&space.id, experience).await?.ok_or_else(Problem::not_found)?;
    Ok((space, experience))
}

/// `GET /studio`
pub async fn index(at: Visit) -> Result<HttpResponse, Problem> {
    let person = at.account()?;
    let state = &at.state;
    let mut spaces = vec![];
    for (team, role) in team::store::of_user(&state.db, &person.user).await? {
        if !Wants::Look.allowed(role) {
            continue;
        }
        for found in state.store.spaces_of(&team).await? {
            let mut experiences = vec![];
            for experience in state.store.experiences_of(&found.state.id).await? {
                let snapshot = state.live.snapshot(&experience.state.id).await?;
                let stream = snapshot.as_ref().and_then(|snapshot| snapshot.stream.as_ref());
                let has_stage = kinds::store::of(&state.db, &experience.state.id).await?.has_stage();
                let settings = experience.state.settings;
                experiences.push(StudioExperience {
                    title: settings.title,
                    slug: settings.slug.to_string(),
                    has_stage,
                    live: stream.is_some_and(|stream| on_air(&stream.phase)),
                    starts_at: settings.starts_at.map(Moment::from),
                });
            }
            let accent = space::store::accent(&state.db, &found.state.id).await?;
            let settings = found.state.settings;
            let (name, slug, may_edit) = (settings.name, settings.slug.to_string(), role.may_edit());
            spaces.push(StudioSpace { name, slug, accent, experiences, may_edit });
        }
    }
    render(&StudioIndex { page: at.page_t("studio.index.title"), spaces })
}

/// `GET /studio/{space}/{experience}`
pub async fn show(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Host).await?;
    let state = &at.state;
    if !kinds::store::of(&state.db, &experience.state.id).await?.has_stage() {
        return Ok(see_other(&format!("/studio/{}/{}/edit", address.0, address.1)));
    }
    let snapshot = state.live.snapshot(&experience.state.id).await?.ok_or_else(Problem::not_found)?;
    let page = ExperiencePage::of(&space.settings.slug, &experience.state, None);
    let view = StudioShow {
        page: at.page(experience.state.settings.title.clone()),
        watch_url: page.url.clone(),
        experience: page,
        space: space_ref(state, &space).await?,
        state_json: state.live.state_for_host(&snapshot),
    };
    render(&view)
}
