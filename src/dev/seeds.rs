//! What the first start in development finds: a creator with a space and a live experience.

use backstage_core::access::Rule;
use backstage_core::slug::Slug;
use backstage_core::{SpaceId, UserId, experience as exp, space as sp};

use crate::error::Problem;
use crate::pass::offer;
use crate::pass::store::Terms;
use crate::state::State;
use crate::{experience, pass, profile, space, user};

/// Who may sign in right away.
pub const EMAIL: &str = "creator@example.com";

/// Plants them unless there is anybody. A start that was cut short is carried on by the next.
pub async fn plant(state: &State) -> Result<(), Problem> {
    let slug = |text: &str| Slug::parse(text).map_err(Problem::internal);
    if state.store.find_space("demo").await?.is_some_and(|found| !found.state.experiences.is_empty()) {
        return Ok(());
    }
    let now = state.clock.now();
    let user = if user::store::nobody(&state.db).await? {
        let user = UserId::parse(&state.ids.next()).map_err(Problem::internal)?;
        user::store::add(&state.db, &user, Some(EMAIL), "Demo Creator", now).await?;
        profile::store::claim(&state.db, &user, "demo", now).await?;
        user
    } else {
        match profile::store::by_handle(&state.db, "demo").await? {
            Some(creator) => UserId::parse(&creator.user_id).map_err(Problem::internal)?,
            None => return Ok(()),
        }
    };
    let held = state.store.find_space("demo").await?.map(|found| found.state.id);
    let id = match held {
        Some(id) => id,
        None => {
            let settings = sp::Settings {
                slug: slug("demo")?,
                name: "Demo Stage".into(),
                headline: "A first space to play with: go live, then watch from another browser.".into(),
                description: "Everything here is yours to change.".into(),
            };
            match space::routes::open(state, &user, "Demo Creator", settings, space::ACCENTS[0]).await? {
                Ok(id) => id,
                Err(_) => return Ok(()),
            }
        }
    };
    seven_days(state, &id).await?;
    let settings = exp::Settings {
        slug: slug("live")?,
        title: "Live from backstage".into(),
        description: "The demo show. Join with the free pass; the show starts when its creator goes live.".into(),
        access: Rule::Pass,
        grace_ms: state.grace_ms,
        starts_at: None,
    };
    if experience::routes::open(state, &id, settings).await?.is_err() {
        tracing::warn!("the demo experience could not be made");
    }
    Ok(())
}

/// The pass that the space came with becomes "Free", for a week.
async fn seven_days(state: &State, space: &SpaceId) -> Result<(), Problem> {
    for pass in offer::passes(state, space).await? {
        let terms = Terms { name: "Free".into(), days: Some(7), ..pass.terms };
        pass::store::update(&state.db, &pass.id, &terms, state.clock.now()).await.map_err(Problem::internal)?;
    }
    Ok(())
}
