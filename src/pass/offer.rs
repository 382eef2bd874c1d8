//! What a visitor is offered, and how a free pass gets into a hand.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use backstage_core::access::{Denial, Grant, Opens, Person};
use backstage_core::experience::Experience;
use backstage_core::slug::Slug;
use backstage_core::space::Space;
use backstage_core::{ExperienceId, PassId, SpaceId, Timestamp, UserId};

use super::grants;
use super::store::{self, NotSaved, Pass, Terms};
use crate::error::Problem;
use crate::price;
use crate::security::visitor::Visit;
use crate::session;
use crate::state::State;
use crate::user;

use super::Status;
use crate::price::store::Shelf;

/// Name and address of the pass that every new space gets.
const FREE: (&str, &str) = ("Free pass", "free");
/// A day in ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Pass {
    /// On offer to everybody.
    pub fn is_published(&self) -> bool {
        self.terms.status == Status::Published
    }

    /// When it ends for somebody who takes it now.
    pub fn ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.terms.days.map(|days| now + i64::from(days).saturating_mul(DAY_MS))
    }
}

/// Every pass of a space in order; an empty space gets its free one first, since the space and its pass are two commits and
/// a crash may have come between them.
pub async fn passes(state: &State, space: &SpaceId) -> Result<Vec<Pass>, Problem> {
    let held = store::of_space(&state.db, space).await?;
    if !held.is_empty() {
        return Ok(held);
    }
    let terms = Terms {
        slug: Slug::parse(FREE.1).map_err(Problem::internal)?,
        name: FREE.0.into(),
        internal_name: String::new(),
        headline: String::new(),
        description: String::new(),
        status: Status::Published,
        opens: Opens::All,
        days: None,
    };
    let id = PassId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let pass = Pass { id, space: space.clone(), terms, is_default: true };
    match store::add(&state.db, &pass, state.clock.now()).await {
        // Somebody else was faster.
        Ok(()) | Err(NotSaved::SlugTaken) => Ok(store::of_space(&state.db, space).await?),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// The pass at an address part among those on offer; without one, the default or else the first.
pub fn selected<'a>(passes: &'a [Pass], slug: Option<&str>) -> Option<&'a Pass> {
    let mut offered = passes.iter().filter(|pass| pass.is_published());
    match slug {
        Some(slug) => offered.find(|pass| pass.terms.slug.as_str() == slug),
        None => offered.clone().find(|pass| pass.is_default).or_else(|| offered.next()),
    }
}

/// The pass on offer that lets a person into an experience: a free one first, of several the default. One that they hold or
/// held is none, unless it can be bought again.
pub fn opening<'a>(passes: &'a [Pass], shelf: &Shelf, experience: &ExperienceId, person: &Person) -> Option<&'a Pass> {
    let for_sale = |pass: &Pass| shelf.of(&pass.id).next().is_some();
    let to_be_had = |pass: &Pass| match shelf.is_free(&pass.id) {
        true => grant(person, pass).is_none(),
        false => for_sale(pass),
    };
    let opens = |pass: &&Pass| pass.is_published() && pass.terms.opens.opens(experience) && to_be_had(pass);
    passes.iter().filter(opens).min_by_key(|pass| (!shelf.is_free(&pass.id), !pass.is_default))
}

/// A person's grant of a pass, also one that has ended; of several, the one that lasts longest.
pub fn grant<'a>(person: &'a Person, pass: &Pass) -> Option<&'a Grant> {
    let lasts = |grant: &&Grant| match (grant.revoked_at, grant.expires_at) {
        (Some(at), _) => (0, at.0),
        (None, Some(at)) => (1, at.0),
        (None, None) => (2, 0),
    };
    person.grants.iter().filter(|grant| grant.pass == pass.id).max_by_key(lasts)
}

/// Why a grant no longer holds; `None` while it does.
pub fn ended(grant: &Grant, now: Timestamp) -> Option<Denial> {
    if grant.revoked_at.is_some_and(|at| at <= now) {
        Some(Denial::Revoked)
    } else {
        grant.expires_at.is_some_and(|at| at <= now).then_some(Denial::Expired)
    }
}

/// Where somebody with a pass goes: to the first experience that it opens, or to the space while there is none.
pub fn entrance(space: &Space, experiences: &[Experience], pass: &Pass) -> String {
    let slug = &space.settings.slug;
    match experiences.iter().find(|experience| pass.terms.opens.opens(&experience.id)) {
        Some(first) => format!("/m/{slug}/{}", first.settings.slug),
        None => format!("/{slug}"),
    }
}

/// What people are told whose access has ended.
pub fn over(denial: Denial) -> Problem {
    let detail = "Your access to this space has ended. Ask its creator about it.";
    Problem::new(StatusCode::FORBIDDEN, denial.code(), detail)
}

/// Puts a free pass into the visitor's hand. Those without a session get a guest account at once; its cookie comes back.
pub async fn take(at: &Visit, req: &HttpRequest, pass: &Pass) -> Result<Option<Cookie<'static>>, Problem> {
    let state = &at.state;
    let now = state.clock.now();
    if !price::store::shelf(&state.db, &pass.space).await?.is_free(&pass.id) {
        let detail = "This pass is not free. Choose a price on its page.";
        return Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "payment_needed", detail));
    }
    let (user, cookie) = match &at.session {
        Some(session) => (session.user.clone(), None),
        None => {
            let guest = UserId::parse(&state.ids.next()).map_err(Problem::internal)?;
            user::store::add(&state.db, &guest, None, user::NAMELESS, now).await?;
            let cookie = session::routes::open(at, req, &guest).await?;
            (guest, Some(cookie))
        }
    };
    grants::give(&state.db, &state.ids.next(), &pass.id, &pass.space, &user, (now, pass.ends_at(now))).await?;
    state.access.forget(&user, &pass.space);
    Ok(cookie)
}
