//! What a sales page is made of, read once for many visitors: a link that is shared brings thousands within seconds, and
//! what they read is the same. It is read anew as soon as anything was written here ([`crate::db::Db::generation`]), so nobody sees
//! what is older than their own writing; what another process wrote is seen within [`KEPT_FOR`].

use backstage_core::experience::Experience;
use backstage_core::space::Space;
use moka::sync::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::routes::creator;
use super::store;
use super::views::Creator;
use crate::error::Problem;
use crate::pass::offer;
use crate::pass::store::Pass;
use crate::poster::Poster;
use crate::price::store::Shelf;
use crate::sales::parts::Parts;
use crate::state::State;
use crate::{pass, poster, price, sales};

/// Spaces held in memory.
const SPACES_MAX: u64 = 1_000;
/// How old it may be when another process writes.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// A space with what its page shows; nothing of it is about the visitor.
pub struct Shown {
    /// The space.
    pub space: Space,
    /// Every pass in order.
    pub passes: Vec<Pass>,
    /// What is asked for them.
    pub shelf: Shelf,
    /// Every experience in order.
    pub experiences: Vec<Experience>,
    /// Posters by experience.
    pub posters: BTreeMap<String, Poster>,
    /// What the team wrote.
    pub parts: Parts,
    /// Accent colour.
    pub accent: String,
    /// Whose it is.
    pub creator: Creator,
}

/// What was read lately, by address.
pub struct Kept(Cache<String, (u64, Arc<Shown>)>);

impl Default for Kept {
    fn default() -> Kept {
        Kept(Cache::builder().max_capacity(SPACES_MAX).time_to_live(KEPT_FOR).build())
    }
}

/// The space at an address.
pub async fn at(state: &State, slug: &str) -> Result<Option<Arc<Shown>>, Problem> {
    // Before anything is read: what is written meanwhile makes this old.
    let generation = state.db.generation();
    if let Some((read_at, shown)) = state.shown.0.get(slug)
        && read_at == generation
    {
        return Ok(Some(shown));
    }
    let Some(found) = state.store.find_space(slug).await? else {
        return Ok(None);
    };
    let space = found.state;
    let shown = Arc::new(Shown {
        passes: offer::passes(state, &space.id).await?,
        shelf: price::store::shelf(&state.db, &space.id).await?,
        experiences: pass::routes::experiences(state, &space).await?,
        posters: poster::store::of_space(&state.db, &space.id).await?,
        parts: sales::store::of(&state.db, &space.id).await?,
        accent: store::accent(&state.db, &space.id).await?,
        creator: creator(state, &space.team).await?,
        space,
    });
    state.shown.0.insert(slug.to_string(), (generation, shown.clone()));
    Ok(Some(shown))
}
