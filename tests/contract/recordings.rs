//! Rows of the archive, on both databases.

use crate::bench::Sql;
use backstage::adapters::storage::Prefix;
use backstage::objects::doomed;
use backstage::recording::store::{self, Added};
use backstage::recording::{Recording, place};
use backstage_core::access::RecordingRule;
use backstage_core::{Timestamp, UserId};
use backstage_media::bridge::Cause;
use backstage_media::bridge::recording::film::{Cut, Stretch};

fn recording(id: &str, started_at: i64) -> Recording {
    Recording {
        id: id.into(),
        stream: format!("stream-{id}").parse().unwrap(),
        experience: "e".parse().unwrap(),
        space: "p".parse().unwrap(),
        title: "It's \"live\" \u{1f3a5}".into(),
        started_at: Timestamp(started_at),
        duration_ms: 60_000,
        bytes: 5_000_000_000,
        width: 1_280,
        height: 720,
        folder: format!("recordings/stream-{id}/x/"),
        stretches: vec![Stretch { at_ms: 0, captured_ms: started_at, duration_ms: 60_000 }],
        cuts: vec![Cut { at_ms: 30_000, missing_ms: 2_000, cause: Cause::Reconnecting }],
        rule: RecordingRule::Experience,
        created_at: Timestamp(started_at + 1),
        expires_at: None,
        deleted_at: None,
    }
}

fn folder(recording: &Recording) -> Prefix {
    Prefix::parse(&recording.folder).unwrap()
}

async fn doom(sql: &Sql, recording: &Recording) {
    let mut tx = sql.store.db().begin_write().await.unwrap();
    doomed::doom_folder(&mut tx, &folder(recording), Timestamp(5)).await.unwrap();
    doomed::doom_folder(&mut tx, &folder(recording), Timestamp(9)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn add(sql: &Sql, recording: &Recording) -> Added {
    doom(sql, recording).await;
    store::add(sql.store.db(), recording, &folder(recording)).await.unwrap()
}

async fn doomed_keys(sql: &Sql) -> Vec<String> {
    let query = sqlx::query_scalar("SELECT object_key FROM doomed_objects ORDER BY object_key");
    query.fetch_all(&sql.store.db().pool).await.unwrap()
}

pub async fn what_is_added_is_found_and_its_objects_are_kept(sql: &Sql) {
    let db = sql.store.db();
    let one = Recording { expires_at: Some(Timestamp(70)), ..recording("1", 10) };
    assert_eq!(add(sql, &one).await, Added::Yes);
    assert!(doomed_keys(sql).await.is_empty());
    assert_eq!(store::find(db, "1").await.unwrap(), Some(one.clone()));
    assert_eq!(store::of_stream(db, &one.stream).await.unwrap(), Some(one.clone()));
    assert_eq!(store::find(db, "2").await.unwrap(), None);
    let two = recording("2", 20);
    assert_eq!(add(sql, &two).await, Added::Yes);
    assert_eq!(store::of_experience(db, &one.experience).await.unwrap(), [two, one]);
    assert_eq!(store::of_experience(db, &"other".parse().unwrap()).await.unwrap(), []);
}

pub async fn a_stream_has_one_recording_and_what_is_too_much_stays_doomed(sql: &Sql) {
    let one = recording("1", 10);
    assert_eq!(add(sql, &one).await, Added::Yes);
    let again = Recording { id: "again".into(), folder: "recordings/stream-1/y/".into(), ..one.clone() };
    assert_eq!(add(sql, &again).await, Added::AlreadyThere);
    assert_eq!(doomed_keys(sql).await, [again.folder.as_str()]);
    let undoomed = recording("2", 10);
    let added = store::add(sql.store.db(), &undoomed, &folder(&undoomed)).await.unwrap();
    assert_eq!(added, Added::Doomed);
    assert_eq!(store::of_experience(sql.store.db(), &one.experience).await.unwrap(), [one]);
}

pub async fn of_many_who_add_the_same_one_wins(sql: &Sql) {
    let all: Vec<Recording> = (0..8)
        .map(|nth| Recording { id: format!("r{nth}"), folder: format!("recordings/s/{nth}/"), ..recording("1", 10) })
        .collect();
    let added = futures_util::future::join_all(all.iter().map(|one| add(sql, one))).await;
    assert_eq!(added.iter().filter(|one| **one == Added::Yes).count(), 1, "{added:?}");
    assert_eq!(added.iter().filter(|one| **one == Added::AlreadyThere).count(), 7, "{added:?}");
    assert_eq!(doomed_keys(sql).await.len(), 7);
}

pub async fn a_deleted_recording_is_seen_by_nobody_and_its_objects_are_doomed(sql: &Sql) {
    let db = sql.store.db();
    let (one, other) = (Recording { expires_at: Some(Timestamp(70)), ..recording("1", 10) }, recording("2", 20));
    add(sql, &one).await;
    add(sql, &other).await;
    let user: UserId = "u".parse().unwrap();
    for id in ["1", "2"] {
        store::set_position(db, &user, id, Some(20_000), Timestamp(1)).await.unwrap();
    }
    assert_eq!(store::expired(db, Timestamp(69), 9).await.unwrap(), []);
    assert_eq!(store::expired(db, Timestamp(70), 9).await.unwrap(), std::slice::from_ref(&one));
    store::delete(db, &one, Timestamp(80)).await.unwrap();
    store::delete(db, &one, Timestamp(90)).await.unwrap();
    assert_eq!(store::find(db, "1").await.unwrap(), None);
    assert_eq!(store::of_experience(db, &one.experience).await.unwrap(), [other]);
    assert_eq!(store::expired(db, Timestamp(99), 9).await.unwrap(), []);
    assert_eq!(store::position(db, &user, "1").await.unwrap(), None);
    assert_eq!(store::position(db, &user, "2").await.unwrap(), Some(20_000));
    assert_eq!(doomed_keys(sql).await, [one.folder.as_str()]);
    let row = store::of_stream(db, &one.stream).await.unwrap().unwrap();
    assert_eq!(row.deleted_at, Some(Timestamp(80)));
    assert!(!store::edit(db, "1", "New", RecordingRule::Open).await.unwrap());
    store::set_position(db, &user, "1", Some(30_000), Timestamp(2)).await.unwrap();
    assert_eq!(store::position(db, &user, "1").await.unwrap(), None);
}

pub async fn title_and_rule_can_be_changed(sql: &Sql) {
    let db = sql.store.db();
    let one = recording("1", 10);
    add(sql, &one).await;
    add(sql, &recording("2", 20)).await;
    assert!(store::edit(db, "1", "New", RecordingRule::Team).await.unwrap());
    let held = store::find(db, "1").await.unwrap().unwrap();
    assert_eq!(held, Recording { title: "New".into(), rule: RecordingRule::Team, ..one.clone() });
    let mut rules = store::rules(db, &one.experience).await.unwrap();
    rules.sort_by_key(|rule| rule.as_str());
    assert_eq!(rules, [RecordingRule::Experience, RecordingRule::Team]);
}

pub async fn a_place_is_kept_for_each_person_and_recording(sql: &Sql) {
    let db = sql.store.db();
    let one = recording("1", 10);
    add(sql, &one).await;
    let (ann, ben): (UserId, UserId) = ("ann".parse().unwrap(), "ben".parse().unwrap());
    for ms in [12_000, 15_000] {
        store::set_position(db, &ann, "1", place::kept(ms, one.duration_ms), Timestamp(ms)).await.unwrap();
    }
    store::set_position(db, &ann, "none", Some(1), Timestamp(1)).await.unwrap();
    assert_eq!(store::position(db, &ann, "1").await.unwrap(), Some(15_000));
    assert_eq!(store::position(db, &ben, "1").await.unwrap(), None);
    let places = store::positions(db, &ann, &one.experience).await.unwrap();
    assert_eq!(places.into_iter().collect::<Vec<_>>(), [("1".to_owned(), 15_000)]);
    store::set_position(db, &ann, "1", None, Timestamp(3)).await.unwrap();
    assert_eq!(store::position(db, &ann, "1").await.unwrap(), None);
}
