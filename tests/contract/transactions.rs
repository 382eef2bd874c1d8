//! Transactions of [`backstage::db::Db`] on both databases.

use crate::bench::{Sql, change};
use backstage_actors::ports::{Key, Store};
use backstage_core::Kind;
use futures_util::FutureExt;
use sqlx::query;

const PUT: &str = "INSERT INTO meta (name, value) VALUES ($1, 'x')";

async fn names(sql: &Sql) -> Vec<String> {
    sqlx::query_scalar("SELECT name FROM meta ORDER BY name").fetch_all(&sql.store.db().pool).await.unwrap()
}

pub async fn what_is_dropped_or_rolled_back_never_happened(sql: &Sql) {
    let db = sql.store.db();
    let mut dropped = db.begin_write().await.unwrap();
    query(PUT).bind("dropped").execute(&mut *dropped).await.unwrap();
    drop(dropped);
    let mut back = db.begin_write().await.unwrap();
    query(PUT).bind("back").execute(&mut *back).await.unwrap();
    back.rollback().await.unwrap();
    let mut kept = db.begin_write().await.unwrap();
    query(PUT).bind("kept").execute(&mut *kept).await.unwrap();
    kept.commit().await.unwrap();
    assert_eq!(names(sql).await, ["kept"]);
}

pub async fn a_commit_given_up_half_way_happened_wholly_or_not_at_all(sql: &Sql) {
    let key = Key::new(Kind::Space, "a");
    let mut version = 0;
    for polls in 0..40 {
        let mut commit = sql.store.commit(change(&key, version)).boxed();
        let mut result = None;
        for _ in 0..polls {
            result = result.or_else(|| commit.as_mut().now_or_never());
            tokio::task::yield_now().await;
        }
        drop(commit);
        let stored = sql.store.load(&key).await.unwrap().map_or(0, |stored| stored.version);
        let events = sql.store.events(&key, 0, 1_000).await.unwrap().len();
        // What is half done may still go through on its own, so both may be one ahead, but never apart for good.
        assert!(stored == version || stored == version + 1);
        sql.store.commit(change(&key, stored)).await.unwrap_or_else(|_| assert_eq!(result, None));
        version = sql.store.load(&key).await.unwrap().unwrap().version;
        assert!(events as i64 <= version);
        assert_eq!(sql.store.events(&key, 0, 1_000).await.unwrap().len() as i64, version);
    }
}

pub async fn after_a_failed_statement_the_next_transaction_is_sound(sql: &Sql) {
    let db = sql.store.db();
    for name in ["a", "b", "c"] {
        let mut write = db.begin_write().await.unwrap();
        query(PUT).bind(name).execute(&mut *write).await.unwrap();
        query(PUT).bind(name).execute(&mut *write).await.unwrap_err();
        drop(write);
        query(PUT).bind(name).execute(&mut *db.writer().await.unwrap()).await.unwrap();
    }
    assert_eq!(names(sql).await, ["a", "b", "c"]);
}

pub async fn a_closed_database_refuses(sql: &Sql) {
    sql.store.db().close().await;
    assert!(sql.store.db().begin_write().await.is_err());
    assert!(sql.store.commit(change(&Key::new(Kind::Space, "a"), 0)).await.is_err());
}
