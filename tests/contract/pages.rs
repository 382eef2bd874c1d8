//! Look-ups of the pages, on both databases, with states that the machines really make.

use crate::bench::Sql;
use backstage::store::{Found, OnAir};
use backstage_actors::ports::{Commit, EventRow, Key, Path, Store};
use backstage_core::access::Rule;
use backstage_core::experience::{self, Experience, ExperienceEvent};
use backstage_core::slug::Slug;
use backstage_core::space::{self, Space, SpaceEvent};
use backstage_core::stream::{Start, Stream, StreamEvent};
use backstage_core::{Effect, ExperienceId, Machine, SpaceId, StreamId, TeamId, Timestamp};

const NOW: i64 = 1_000_000;

fn space_id(id: &str) -> SpaceId {
    SpaceId::parse(id).unwrap()
}

fn experience_id(id: &str) -> ExperienceId {
    ExperienceId::parse(id).unwrap()
}

/// A first event, decided and committed at `at`.
async fn begin<M: Machine>(sql: &Sql, id: &str, at: i64, event: M::Event, path: Option<Path>) -> M {
    let (state, effects) = M::begin(Timestamp(at), event.clone()).unwrap();
    let index = state.index();
    let timers_set = effects.iter().filter_map(|effect| match effect {
        Effect::SetTimer { name, due_at } => Some((*name, *due_at)),
        _ => None,
    });
    let commit = Commit {
        key: Key::new(M::KIND, id),
        expected_version: 0,
        state: serde_json::to_string(&state).unwrap(),
        parent: index.parent,
        slug: index.slug,
        phase: index.phase,
        event: EventRow {
            version: 1,
            at: Timestamp(at),
            event: M::event_name(&event).into(),
            phase: index.phase.into(),
            cause: M::cause(&event).into(),
            payload: serde_json::to_string(&event).unwrap(),
        },
        outbox: vec![],
        timers_set: timers_set.collect(),
        timers_cancelled: vec![],
        settles: None,
        path,
    };
    sql.store.commit(commit).await.unwrap();
    state
}

/// A change of a space, committed.
async fn change_space(sql: &Sql, id: &str, event: SpaceEvent) -> Space {
    let Found { version, mut state } = sql.store.space(&space_id(id)).await.unwrap().unwrap();
    state.apply(Timestamp(NOW), event).unwrap();
    let index = state.index();
    let text = serde_json::to_string(&state).unwrap();
    let commit = Commit {
        state: text,
        parent: index.parent,
        slug: index.slug,
        phase: index.phase,
        ..crate::bench::change(&Key::new(Space::KIND, id), version)
    };
    sql.store.commit(commit).await.unwrap();
    state
}

async fn new_space(sql: &Sql, id: &str, team: &str, at: i64) -> Space {
    let settings = space::Settings {
        slug: Slug::parse(id).unwrap(),
        name: format!("The {id}"),
        headline: String::new(),
        description: String::new(),
    };
    let event = SpaceEvent::Create { id: space_id(id), team: TeamId::parse(team).unwrap(), settings };
    begin(sql, id, at, event, None).await
}

async fn new_experience(sql: &Sql, space: &str, id: &str, at: i64) -> Experience {
    let settings = experience::Settings {
        slug: Slug::parse(id).unwrap(),
        title: format!("The {id}"),
        description: String::new(),
        access: Rule::Open,
        grace_ms: 60_000,
        starts_at: None,
    };
    let stream = StreamId::parse("unused").unwrap();
    let event = ExperienceEvent::Create { id: experience_id(id), space: space_id(space), settings, stream };
    begin(sql, id, at, event, None).await
}

async fn new_stream(sql: &Sql, space: &str, experience: &str, id: &str, start: Start, at: i64) -> Stream {
    let (space, experience, stream) = (space_id(space), experience_id(experience), StreamId::parse(id).unwrap());
    let path = Path { space: space.clone(), experience: experience.clone(), stream: stream.clone() };
    let event = StreamEvent::Open { space, experience, stream, start, grace_ms: 60_000, plan: Default::default() };
    begin(sql, id, at, event, Some(path)).await
}

pub async fn spaces_and_experiences_are_found_by_their_address(sql: &Sql) {
    let demo = new_space(sql, "demo", "team", NOW).await;
    let talk = new_experience(sql, "demo", "talk", NOW).await;
    new_space(sql, "show", "team", NOW).await;
    new_experience(sql, "show", "walk", NOW).await;
    let found = |state| Some(Found { version: 1, state });
    assert_eq!(sql.store.find_space("demo").await.unwrap(), found(demo));
    assert_eq!(sql.store.find_space("talk").await.unwrap(), None);
    let in_demo = |slug: &'static str| async move { sql.store.find_experience(&space_id("demo"), slug).await.unwrap() };
    assert_eq!(in_demo("talk").await.map(|found| found.state), Some(talk.clone()));
    assert_eq!(in_demo("walk").await, None);
    let by_id = sql.store.experience(&talk.id).await.unwrap();
    assert_eq!(by_id, Some(Found { version: 1, state: talk }));
    assert_eq!(sql.store.stream(&StreamId::parse("demo").unwrap()).await.unwrap(), None);
}

pub async fn experiences_come_in_the_order_of_their_space(sql: &Sql) {
    new_space(sql, "demo", "team", NOW).await;
    for (n, id) in ["one", "two", "three"].into_iter().enumerate() {
        new_experience(sql, "demo", id, NOW + n as i64).await;
        change_space(sql, "demo", SpaceEvent::AddExperience { experience: experience_id(id) }).await;
    }
    let order = ["three", "one", "two"].map(experience_id).to_vec();
    change_space(sql, "demo", SpaceEvent::Reorder { experiences: order.clone() }).await;
    // One that is not in the list yet comes last.
    new_experience(sql, "demo", "newest", NOW).await;
    let found = sql.store.experiences_of(&space_id("demo")).await.unwrap();
    let ids: Vec<ExperienceId> = found.into_iter().map(|found| found.state.id).collect();
    assert_eq!(ids[..3], order);
    assert_eq!(ids[3], experience_id("newest"));
}

pub async fn a_team_sees_its_own_spaces_oldest_first(sql: &Sql) {
    new_space(sql, "second", "team", NOW + 1).await;
    new_space(sql, "first", "team", NOW).await;
    new_space(sql, "other", "another", NOW).await;
    let found = sql.store.spaces_of(&TeamId::parse("team").unwrap()).await.unwrap();
    let ids: Vec<String> = found.into_iter().map(|found| found.state.id.to_string()).collect();
    assert_eq!(ids, ["first", "second"]);
}

pub async fn the_newest_streams_of_an_experience_come_first(sql: &Sql) {
    new_space(sql, "demo", "team", NOW).await;
    new_experience(sql, "demo", "talk", NOW).await;
    for n in 0..3 {
        let stream = new_stream(sql, "demo", "talk", &format!("s{n}"), Start::Lobby, NOW + n).await;
        let mut over = stream.clone();
        over.apply(Timestamp(NOW + n), StreamEvent::End).unwrap();
        let commit = Commit {
            state: serde_json::to_string(&over).unwrap(),
            ..crate::bench::stream("talk", stream.id.as_str(), 1, over.phase.as_str())
        };
        sql.store.commit(commit).await.unwrap();
    }
    let last = sql.store.last_streams_of(&experience_id("talk"), 2).await.unwrap();
    let ids: Vec<&str> = last.iter().map(|found| found.state.id.as_str()).collect();
    assert_eq!(ids, ["s2", "s1"]);
    assert!(last.iter().all(|found| found.version == 2 && found.state.phase.as_str() == "cancelled"));
}

pub async fn what_is_on_comes_before_lobbies_and_the_next_to_begin(sql: &Sql) {
    new_space(sql, "demo", "team", NOW).await;
    new_space(sql, "closed", "team", NOW).await;
    let day = 24 * 3_600_000;
    let later = |days: i64| Start::Scheduled { starts_at: Timestamp(NOW + days * day) };
    for (space, id, start) in [
        ("demo", "in-two-days", later(2)),
        ("demo", "tomorrow", later(1)),
        ("demo", "lobby", Start::Lobby),
        ("demo", "on-air", Start::Lobby),
        ("closed", "hidden", Start::Lobby),
    ] {
        new_experience(sql, space, id, NOW).await;
        new_stream(sql, space, id, &format!("s-{id}"), start, NOW).await;
    }
    let stream = sql.store.stream(&StreamId::parse("s-on-air").unwrap()).await.unwrap().unwrap().state;
    let live = Commit {
        state: serde_json::to_string(&stream).unwrap(),
        ..crate::bench::stream("on-air", "s-on-air", 1, "live")
    };
    sql.store.commit(live).await.unwrap();
    change_space(sql, "closed", SpaceEvent::Suspend).await;
    let slugs = |found: Vec<OnAir>| -> Vec<String> {
        assert!(found.iter().all(|on| on.stream.experience == on.experience.id && on.experience.space == on.space.id));
        found.into_iter().map(|on| on.experience.settings.slug.to_string()).collect()
    };
    let all = slugs(sql.store.live_and_upcoming(10).await.unwrap());
    assert_eq!(all, ["on-air", "lobby", "tomorrow", "in-two-days"]);
    assert_eq!(slugs(sql.store.live_and_upcoming(2).await.unwrap()), all[..2]);
}

pub async fn an_installation_keeps_its_id(sql: &Sql) {
    let first = sql.store.installation_id().await.unwrap();
    assert!(first.len() == 8 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    assert_eq!(sql.store.installation_id().await.unwrap(), first);
    assert_eq!(sql.store.meta_or_insert("other", "a").await.unwrap(), "a");
    assert_eq!(sql.store.meta_or_insert("other", "b").await.unwrap(), "a");
}
