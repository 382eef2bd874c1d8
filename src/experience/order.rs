//! Sorting the experiences of a space: the whole order by dragging, one place by a button. The first one is where
//! `/m/{space}` leads.

use actix_web::{HttpResponse, web};
use backstage_actors::stage::Refusal;
use backstage_core::ExperienceId;
use backstage_core::experience::Experience;
use backstage_core::space::{Space, SpaceEvent, SpaceRejection};

use crate::error::{Problem, refused};
use crate::page::{Shift, see_other};
use crate::pass::order::{items, other_list};
use crate::pass::routes::experiences;
use crate::security::visitor::Visit;
use crate::studio::routes::{Wants, find, find_space};

/// `POST /studio/{space}/experiences/order`: `item` for each experience, its address part, first one first. 204; 409 if
/// these are not the experiences of the space.
pub async fn update(
    at: Visit,
    slug: web::Path<String>,
    typed: web::Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let held = experiences(&at.state, &space).await?;
    let named = |slug: &String| held.iter().find(|one: &&Experience| one.settings.slug.as_str() == slug);
    let order = items(typed.into_inner()).iter().map(|slug| named(slug).map(|one| one.id.clone())).collect();
    let order: Option<Vec<ExperienceId>> = order;
    reorder(&at, &space, order.ok_or_else(other_list)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /studio/{space}/{experience}/move`: one place towards the front or the end; one that is there already stays.
pub async fn shift(
    at: Visit,
    address: web::Path<(String, String)>,
    shift: web::Form<Shift>,
) -> Result<HttpResponse, Problem> {
    let (space, experience) = find(&at, &address.0, &address.1, Wants::Edit).await?;
    at.state.limits.writes_per_network.take(&at.network())?;
    let mut order: Vec<ExperienceId> = experiences(&at.state, &space).await?.into_iter().map(|one| one.id).collect();
    let place = order.iter().position(|id| *id == experience.state.id).ok_or_else(Problem::not_found)?;
    let to = match shift.towards.as_str() {
        "front" => place.checked_sub(1),
        "end" => Some(place + 1).filter(|to| *to < order.len()),
        _ => return Err(Problem::bad_request("An experience moves towards the front or the end.")),
    };
    if let Some(to) = to {
        order.swap(place, to);
        reorder(&at, &space, order).await?;
    }
    Ok(see_other("/studio"))
}

async fn reorder(at: &Visit, space: &Space, experiences: Vec<ExperienceId>) -> Result<(), Problem> {
    match at.state.stage.space(&space.id, SpaceEvent::Reorder { experiences }).await {
        Ok(_) => Ok(()),
        Err(Refusal::Rejected(SpaceRejection::OtherExperiences)) => Err(other_list()),
        Err(other) => Err(refused(other, |_| "refused")),
    }
}
