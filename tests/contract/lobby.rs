//! Posters, doomed objects and alerts, on both databases.

use crate::bench::{Sql, stream};
use backstage::adapters::storage::Key;
use backstage::alert::store as alerts;
use backstage::objects::doomed;
use backstage::poster::store as posters;
use backstage::user;
use backstage_actors::ports::Store;
use backstage_core::{ExperienceId, Timestamp, UserId};

async fn doomed_keys(sql: &Sql) -> Vec<(String, i64)> {
    let query = sqlx::query_as("SELECT object_key, due_at FROM doomed_objects ORDER BY object_key");
    query.fetch_all(&sql.store.db().pool).await.unwrap()
}

pub async fn a_poster_replaces_the_one_before_whose_objects_are_doomed(sql: &Sql) {
    let db = sql.store.db();
    let experience: ExperienceId = "e".parse().unwrap();
    let keys = |name: &str| [1_280, 640].map(|w| Key::parse(&format!("posters/{name}-{w}.jpg")).unwrap());
    assert_eq!(posters::of(db, &experience).await.unwrap(), None);
    assert!(!posters::describe(db, &experience, "words").await.unwrap());
    for (name, now) in [("one", 10), ("two", 20)] {
        posters::announce(db, &keys(name), Timestamp(now)).await.unwrap();
        posters::announce(db, &keys(name), Timestamp(now + 1)).await.unwrap();
        assert_eq!(doomed_keys(sql).await[0].1, now + 1 + doomed::KEEP_WITHIN_MS);
        posters::put(db, &experience, name, &keys(name), "A \"stage\"", Timestamp(now)).await.unwrap();
    }
    assert!(posters::describe(db, &experience, "words").await.unwrap());
    let held = posters::of(db, &experience).await.unwrap().unwrap();
    assert_eq!((held.small.as_str(), held.alt.as_str()), ("/posters/two-640.jpg", "words"));
    let gone = |name: &str, at| [(format!("posters/{name}-1280.jpg"), at), (format!("posters/{name}-640.jpg"), at)];
    assert_eq!(doomed_keys(sql).await, gone("one", 20));
    posters::remove(db, &experience, Timestamp(30)).await.unwrap();
    posters::remove(db, &experience, Timestamp(40)).await.unwrap();
    assert_eq!(posters::of(db, &experience).await.unwrap(), None);
    assert_eq!(doomed_keys(sql).await, [gone("one", 20), gone("two", 30)].concat());
}

pub async fn an_alert_is_told_once_of_each_stream(sql: &Sql) {
    let db = sql.store.db();
    let (ann, ben): (UserId, UserId) = ("ann".parse().unwrap(), "ben".parse().unwrap());
    user::store::add(db, &ann, Some("ann@example.com"), "Ann", Timestamp(1)).await.unwrap();
    user::store::add(db, &ben, None, "Ben", Timestamp(1)).await.unwrap();
    let experience: ExperienceId = "e".parse().unwrap();
    for (id, user, on_air) in [("a", &ann, None), ("again", &ann, None), ("b", &ben, None)] {
        assert!(alerts::want(db, id, user, &experience, on_air, Timestamp(2)).await.unwrap());
    }
    assert!(alerts::wanted(db, &ann, &experience).await.unwrap());
    assert!(alerts::due(db, Timestamp(9), 9).await.unwrap().is_empty());
    sql.store.commit(stream("e", "s1", 0, "live")).await.unwrap();
    let due = alerts::due(db, Timestamp(9), 9).await.unwrap();
    assert_eq!(due.len(), 1, "one with an address: {due:?}");
    assert_eq!((due[0].email.as_str(), due[0].stream_id.as_str()), ("ann@example.com", "s1"));
    assert!(alerts::claim(db, &due[0], Timestamp(100)).await.unwrap());
    assert!(!alerts::claim(db, &due[0], Timestamp(100)).await.unwrap());
    assert!(alerts::due(db, Timestamp(99), 9).await.unwrap().is_empty());
    alerts::later(db, &due[0], Timestamp(50)).await.unwrap();
    let again = alerts::due(db, Timestamp(50), 9).await.unwrap();
    assert_eq!(again[0].attempts, 1);
    alerts::told(db, &again[0]).await.unwrap();
    assert!(alerts::due(db, Timestamp(999), 9).await.unwrap().is_empty());
    sql.store.commit(stream("e", "s1", 1, "archived")).await.unwrap();
    sql.store.commit(stream("e", "s2", 0, "reconnecting")).await.unwrap();
    assert_eq!(alerts::due(db, Timestamp(999), 9).await.unwrap()[0].stream_id, "s2");
    alerts::forget_one(db, "a").await.unwrap();
    alerts::forget(db, &ben, &experience).await.unwrap();
    assert!(!alerts::wanted(db, &ann, &experience).await.unwrap());
    assert!(alerts::want(db, "c", &ann, &experience, Some("s2"), Timestamp(5)).await.unwrap());
    assert!(alerts::due(db, Timestamp(999), 9).await.unwrap().is_empty(), "they see it already");
}
