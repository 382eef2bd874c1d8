//! What the first start in development finds: a creator with a space, two experiences and three passes, one of them free.

use backstage_core::access::{Opens, Rule};
use backstage_core::money::{Currency, Money};
use backstage_core::pass::{Interval, Price, PriceKind, Stock, Unit};
use backstage_core::slug::Slug;
use backstage_core::{ExperienceId, PassId, PriceId, SpaceId, UserId, experience as exp, space as sp};

use crate::error::Problem;
use crate::pass::store::{NotSaved, Pass, Terms};
use crate::pass::{Status, offer};
use crate::price::{Offer, Options};
use crate::state::State;
use crate::{experience, pass, price, profile, space, user};

/// Who may sign in right away.
pub const EMAIL: &str = "creator@example.com";
/// Passes of the demo.
const PASSES: usize = 3;

/// Plants them unless there is anybody. A start that was cut short is carried on by the next.
pub async fn plant(state: &State) -> Result<(), Problem> {
    let slug = |text: &str| Slug::parse(text).map_err(Problem::internal);
    let held = state.store.find_space("demo").await?.map(|found| found.state);
    if let Some(space) = &held
        && pass::store::of_space(&state.db, &space.id).await?.len() >= PASSES
    {
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
    let id = match held {
        Some(space) => space.id,
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
    let live = show(
        state,
        &id,
        "live",
        "Live from backstage",
        "The demo show. Join with the free pass; the show starts when its creator goes live.",
    )
    .await?;
    let backstage =
        show(state, &id, "backstage", "Backstage", "What happens behind the stage, for those with the Pro pass.")
            .await?;
    let (Some(live), Some(backstage)) = (live, backstage) else {
        tracing::warn!("the demo experiences could not be made");
        return Ok(());
    };
    free(state, &id, &live).await?;
    let month = Interval { count: 1, unit: Unit::Month };
    let year = Interval { count: 1, unit: Unit::Year };
    let basic =
        Terms { headline: "Every show, as long as you like.".into(), ..terms("basic", "Basic", vec![live.clone()])? };
    let recurring = |minor, every| Ok::<_, Problem>(PriceKind::Recurring { amount: usd(minor)?, every });
    sell(state, &id, basic, &[(recurring(100, month)?, None), (recurring(1_000, year)?, None)]).await?;
    let pro = Terms {
        headline: "Everything, and backstage too. Once, for good.".into(),
        ..terms("pro", "Pro", vec![live, backstage])?
    };
    sell(state, &id, pro, &[(PriceKind::Once { amount: usd(2_900)?, split: None }, Some(100))]).await
}

fn usd(minor: i64) -> Result<Money, Problem> {
    let currency = Currency::parse("USD").map_err(Problem::internal)?;
    Money::new(minor, currency).map_err(Problem::internal)
}

fn terms(slug: &str, name: &str, opens: Vec<ExperienceId>) -> Result<Terms, Problem> {
    Ok(Terms {
        slug: Slug::parse(slug).map_err(Problem::internal)?,
        name: name.into(),
        internal_name: String::new(),
        headline: String::new(),
        description: String::new(),
        status: Status::Published,
        opens: Opens::Only(opens),
        days: None,
    })
}

/// An experience of the demo; `None` if it cannot be made.
async fn show(
    state: &State,
    space: &SpaceId,
    slug: &str,
    title: &str,
    description: &str,
) -> Result<Option<ExperienceId>, Problem> {
    if let Some(found) = state.store.find_experience(space, slug).await? {
        return Ok(Some(found.state.id));
    }
    let settings = exp::Settings {
        slug: Slug::parse(slug).map_err(Problem::internal)?,
        title: title.into(),
        description: description.into(),
        access: Rule::Pass,
        grace_ms: state.grace_ms,
        starts_at: None,
    };
    let _ = experience::routes::open(state, space, settings).await?;
    Ok(state.store.find_experience(space, slug).await?.map(|found| found.state.id))
}

/// The pass that the space came with becomes "Free", for a week.
async fn free(state: &State, space: &SpaceId, live: &ExperienceId) -> Result<(), Problem> {
    if let Some(pass) = offer::passes(state, space).await?.into_iter().next() {
        let opens = Opens::Only(vec![live.clone()]);
        let terms = Terms { name: "Free".into(), days: Some(7), opens, ..pass.terms };
        pass::store::update(&state.db, &pass.id, &terms, state.clock.now()).await.map_err(Problem::internal)?;
    }
    Ok(())
}

/// A pass with its prices; one that is there already stays.
async fn sell(
    state: &State,
    space: &SpaceId,
    terms: Terms,
    prices: &[(PriceKind, Option<u32>)],
) -> Result<(), Problem> {
    let now = state.clock.now();
    let id = PassId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let pass = Pass {
        id: id.clone(),
        space: space.clone(),
        terms: Terms { status: Status::Draft, ..terms.clone() },
        is_default: false,
    };
    match pass::store::add(&state.db, &pass, now).await {
        Ok(()) => {}
        Err(NotSaved::SlugTaken) => return Ok(()),
        Err(error) => return Err(Problem::internal(error)),
    }
    for (kind, total) in prices {
        let price = PriceId::parse(&state.ids.next()).map_err(Problem::internal)?;
        let offer = Offer {
            line: price.to_string(),
            id: price,
            pass: id.clone(),
            space: space.clone(),
            price: Price { kind: *kind, initial_fee: None, trial_days: None, stay: None },
            options: Options::default(),
            stock: Stock { total: *total, ..Stock::default() },
            retired: false,
        };
        price::store::add(&state.db, &offer, now).await.map_err(Problem::internal)?;
    }
    // On offer only once it has its price: without one it would be free.
    pass::store::update(&state.db, &id, &terms, now).await.map_err(Problem::internal)
}
