//! Passes and who holds them, on both databases.

use crate::bench::Sql;
use backstage::pass::store::{self as passes, NotSaved, PASSES_MAX, Pass, Terms};
use backstage::pass::{Status, grants};
use backstage::user;
use backstage_core::access::Opens;
use backstage_core::slug::Slug;
use backstage_core::{ExperienceId, PassId, SpaceId, Timestamp, UserId};

fn pass(id: &str, space: &str, opens: Opens) -> Pass {
    let terms = Terms {
        slug: Slug::parse(id).unwrap(),
        name: format!("The {id} \"pass\""),
        internal_name: "spring".into(),
        headline: "One line".into(),
        description: "Two\nlines".into(),
        status: Status::Draft,
        opens,
        days: Some(7),
    };
    Pass { id: PassId::parse(id).unwrap(), space: SpaceId::parse(space).unwrap(), terms, is_default: false }
}

async fn order(sql: &Sql, space: &SpaceId) -> Vec<String> {
    let held = passes::of_space(sql.store.db(), space).await.unwrap();
    held.into_iter().map(|pass| pass.id.to_string()).collect()
}

pub async fn a_pass_comes_back_as_it_was_written(sql: &Sql) {
    let db = sql.store.db();
    let only = Opens::Only(vec![ExperienceId::parse("e1").unwrap()]);
    let first = pass("one", "s", only);
    passes::add(db, &first, Timestamp(1)).await.unwrap();
    // The first of a space is selected first.
    let held = Pass { is_default: true, ..first.clone() };
    assert_eq!(passes::of_space(db, &first.space).await.unwrap(), std::slice::from_ref(&held));
    assert_eq!(passes::by_id(db, &first.id).await.unwrap(), Some(held));
    let terms = Terms { status: Status::Published, days: None, opens: Opens::All, ..first.terms.clone() };
    passes::update(db, &first.id, &terms, Timestamp(5)).await.unwrap();
    assert_eq!(passes::by_id(db, &first.id).await.unwrap().unwrap().terms, terms);
    assert_eq!(passes::by_id(db, &PassId::parse("none").unwrap()).await.unwrap(), None);
    // What it opens has changed once, and is told of that moment alone.
    passes::update(db, &first.id, &Terms { name: "New".into(), ..terms }, Timestamp(9)).await.unwrap();
    let changed =
        async |after, until| passes::opens_changed_between(db, Timestamp(after), Timestamp(until)).await.unwrap();
    assert_eq!(changed(4, 5).await, ["s"]);
    assert!(changed(0, 4).await.is_empty() && changed(5, 99).await.is_empty());
}

pub async fn passes_are_sorted_by_the_team_and_one_is_default(sql: &Sql) {
    let db = sql.store.db();
    let all = ["a", "b", "c"].map(|id| pass(id, "s", Opens::All));
    for pass in &all {
        passes::add(db, pass, Timestamp(1)).await.unwrap();
    }
    let space = &all[0].space;
    passes::shift(db, &all[2], true).await.unwrap();
    assert_eq!(order(sql, space).await, ["a", "c", "b"]);
    passes::shift(db, &all[0], true).await.unwrap();
    passes::shift(db, &all[1], false).await.unwrap();
    assert_eq!(order(sql, space).await, ["a", "c", "b"], "the ends stay");
    passes::shift(db, &all[0], false).await.unwrap();
    assert_eq!(order(sql, space).await, ["c", "a", "b"]);
    passes::make_default(db, &all[1]).await.unwrap();
    let held = passes::of_space(db, space).await.unwrap();
    let default: Vec<&str> = held.iter().filter(|pass| pass.is_default).map(|pass| pass.id.as_str()).collect();
    assert_eq!(default, ["b"]);
}

pub async fn an_address_is_given_once_in_a_space_and_the_space_has_a_limit(sql: &Sql) {
    let db = sql.store.db();
    for number in 0..PASSES_MAX {
        passes::add(db, &pass(&format!("p{number}"), "s", Opens::All), Timestamp(1)).await.unwrap();
    }
    assert!(matches!(passes::add(db, &pass("more", "s", Opens::All), Timestamp(1)).await, Err(NotSaved::Full)));
    let mut same = pass("p1", "other", Opens::All);
    same.id = PassId::parse("other-p1").unwrap();
    passes::add(db, &same, Timestamp(1)).await.unwrap();
    same.id = PassId::parse("other-p2").unwrap();
    assert!(matches!(passes::add(db, &same, Timestamp(1)).await, Err(NotSaved::SlugTaken)));
    let second = pass("p1", "s", Opens::All);
    let moved = passes::update(db, &PassId::parse("p0").unwrap(), &second.terms, Timestamp(2)).await;
    assert!(matches!(moved, Err(NotSaved::SlugTaken)));
}

pub async fn a_grant_is_given_once_and_stays_over(sql: &Sql) {
    let db = sql.store.db();
    let held = pass("one", "s", Opens::All);
    passes::add(db, &held, Timestamp(1)).await.unwrap();
    let ann: UserId = "ann".parse().unwrap();
    user::store::add(db, &ann, None, "Ann", Timestamp(1)).await.unwrap();
    for (id, now, until) in [("g1", 10, Some(20)), ("g2", 30, None)] {
        grants::give(db, id, &held.id, &held.space, &ann, (Timestamp(now), until.map(Timestamp))).await.unwrap();
    }
    let grant = &grants::held(db, &ann, &held.space).await.unwrap()[..];
    assert_eq!((grant.len(), grant[0].granted_at, grant[0].expires_at), (1, Timestamp(10), Some(Timestamp(20))));
    assert_eq!(grants::ended_between(db, Timestamp(19), Timestamp(20)).await.unwrap(), [("ann".into(), "s".into())]);
    let experience = ExperienceId::parse("e").unwrap();
    assert_eq!(grants::holders(db, &held.space, &experience, Timestamp(15)).await.unwrap(), 1);
    assert_eq!(grants::holders(db, &held.space, &experience, Timestamp(20)).await.unwrap(), 0);
    assert_eq!(grants::revoke(db, &held.space, &ann, Timestamp(15)).await.unwrap(), 1);
    assert_eq!(grants::revoke(db, &held.space, &ann, Timestamp(16)).await.unwrap(), 0);
}
