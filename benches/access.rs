//! `bin/bench access`: how fast the question "may this person watch this?" is answered among 1,000,000 grants, on SQLite and on a
//! real Postgres: read from the database each time (`grants::held` and the rule of the core; then with the role as pages ask it),
//! and from memory. Baseline: `SELECT 1` on the same pool, same run. Also the count of who holds a pass of a space. Prints one
//! JSON line; all times in ms.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench stands in the world itself")]

#[path = "../tests/web/browser.rs"]
#[allow(dead_code, reason = "benches and tests use different parts of it")]
mod browser;
#[path = "../tests/web/house.rs"]
#[allow(dead_code, reason = "benches and tests use different parts of it")]
mod house;
#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "benches and tests use different parts of it")]
mod support;

use backstage::access;
use backstage::config::Secret;
use backstage::db::Db;
use backstage::pass::grants;
use backstage::state::State;
use backstage_core::access::{Decision, Person, Place, Rule, decide};
use backstage_core::space::Space;
use backstage_core::{ExperienceId, SpaceId, TeamId, Timestamp, UserId};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const USERS: u64 = 100_000;
const SPACES: u64 = 1_000;
/// Each person holds one pass in so many spaces: a million grants.
const SPACES_OF_USER: u64 = 10;
const ASKED: u64 = 20_000;
const AT_ONCE: u64 = 8;
const COUNTS: u64 = 200;
const NOW: Timestamp = Timestamp(1_000_000);

#[actix::main]
async fn main() {
    let sqlite = measured(None).await;
    let postgres = measured(Some(support::postgres::new_database().await)).await;
    let figures = json!({
        "bench": "access",
        "grants": USERS * SPACES_OF_USER,
        "goal_p99_ms": 1,
        "sqlite": sqlite,
        "postgres": postgres,
    });
    println!("{figures}");
}

async fn measured(url: Option<String>) -> Value {
    let house = house::House::open_with(|config| {
        if let Some(url) = url {
            config.database.url = Secret::new(url);
        }
    })
    .await;
    let state = house.app.state.clone();
    seed(&state.db).await;
    let bare = times(ASKED, async |_| {
        let one: i64 = sqlx::query_scalar("SELECT CAST(1 AS BIGINT)").fetch_one(&state.db.pool).await.unwrap();
        assert_eq!(one, 1);
    })
    .await;
    let held = times(ASKED, async |turn| held_decides(&state.db, turn).await).await;
    let held_per_s = at_once(async |turn| held_decides(&state.db, turn).await).await;
    // As pages ask: the role too. Asked once, a person is in memory; the second round finds all of them there.
    let cold = times(ASKED, async |turn| asked(&state, turn).await).await;
    let kept = times(ASKED, async |turn| asked(&state, turn).await).await;
    let kept_per_s = at_once(async |turn| asked(&state, turn % ASKED).await).await;
    let count = times(COUNTS, async |turn| {
        let holders = grants::holders(&state.db, &space(turn % SPACES), &experience(), NOW).await.unwrap();
        assert_eq!(u64::from(holders), USERS * SPACES_OF_USER / SPACES);
    })
    .await;
    let figures = json!({
        "uncached": { "p50": held.p50, "p99": held.p99, "decisions_per_s": held_per_s },
        "uncached_with_role": { "p50": cold.p50, "p99": cold.p99 },
        "cached": { "p50": kept.p50, "p99": kept.p99, "decisions_per_s": kept_per_s },
        "holders_of_a_space": { "p50": count.p50, "p99": count.p99 },
        "baseline_select_1": { "p50": bare.p50, "p99": bare.p99 },
    });
    drop(state);
    house.close().await;
    figures
}

/// People, passes and grants, made by the database itself; the same text for both kinds.
async fn seed(db: &Db) {
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})";
    let with = |count: u64, rest: &str| {
        // SQLite takes the list before INSERT, and so does Postgres.
        sqlx::AssertSqlSafe(format!("{} {rest}", numbers.replace("{count}", &count.to_string())))
    };
    let statements = [
        with(USERS, "INSERT INTO users (id, email, name, created_at) SELECT 'user-' || i, NULL, 'Somebody', 1 FROM n"),
        with(
            SPACES,
            "INSERT INTO passes (id, space_id, slug, name, opens, is_default, created_at) \
             SELECT 'pass-' || i, 'space-' || i, 'free', 'Free', '\"all\"', 1, 1 FROM n",
        ),
        with(
            USERS * SPACES_OF_USER,
            &format!(
                "INSERT INTO grants (id, pass_id, space_id, user_id, granted_at, expires_at, revoked_at) \
                 SELECT 'grant-' || i, 'pass-' || (i % {SPACES}), 'space-' || (i % {SPACES}), \
                 'user-' || (i / {SPACES_OF_USER}), 1, NULL, NULL FROM n"
            ),
        ),
    ];
    for statement in statements {
        let mut write = db.begin_write().await.unwrap();
        sqlx::query(statement).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
    }
    let mut write = db.begin_write().await.unwrap();
    sqlx::query("ANALYZE").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

fn space(number: u64) -> SpaceId {
    SpaceId::parse(&format!("space-{number}")).unwrap()
}

fn experience() -> ExperienceId {
    ExperienceId::parse("experience").unwrap()
}

/// A holder and a space of theirs, far apart from one turn to the next.
fn holder(turn: u64) -> (UserId, SpaceId) {
    let grant = turn.wrapping_mul(7_919 * 131) % (USERS * SPACES_OF_USER);
    (UserId::parse(&format!("user-{}", grant / SPACES_OF_USER)).unwrap(), space(grant % SPACES))
}

fn judge(person: &Person) {
    let experience = experience();
    let place = Place { experience: &experience, rule: Rule::Pass, suspended: false };
    assert!(matches!(decide(NOW, place, person), Decision::Allowed { .. }), "{person:?}");
}

async fn held_decides(db: &Db, turn: u64) {
    let (user, space) = holder(turn);
    let grants = grants::held(db, &user, &space).await.unwrap();
    judge(&Person { role: None, grants });
}

async fn asked(state: &State, turn: u64) {
    let (user, space) = holder(turn);
    let settings = backstage_core::space::Settings {
        slug: backstage_core::slug::Slug::parse("some").unwrap(),
        name: "Some".into(),
        headline: String::new(),
        description: String::new(),
    };
    let team = TeamId::parse("team").unwrap();
    let space = Space { id: space, team, settings, experiences: vec![], suspended: false };
    judge(&access::of_user(state, &user, &space).await.unwrap());
}

struct Times {
    p50: f64,
    p99: f64,
}

/// One after the other.
async fn times(count: u64, ask: impl AsyncFn(u64)) -> Times {
    let mut all = Vec::with_capacity(count as usize);
    for turn in 0..count {
        let began = Instant::now();
        ask(turn).await;
        all.push(began.elapsed());
    }
    all.sort_unstable();
    let ms = |at: Duration| (at.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
    Times { p50: ms(all[all.len() / 2]), p99: ms(all[all.len() * 99 / 100]) }
}

/// Several at once; how many a second.
async fn at_once(ask: impl AsyncFn(u64)) -> u64 {
    let began = Instant::now();
    let ask = &ask;
    let lanes = (0..AT_ONCE).map(|lane| async move {
        for turn in 0..ASKED / AT_ONCE {
            ask(turn * AT_ONCE + lane).await;
        }
    });
    join_all(lanes).await;
    (ASKED as f64 / began.elapsed().as_secs_f64()) as u64
}
