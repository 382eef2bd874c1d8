//! What SQLite has acknowledged is there after `kill -9`, and nothing else is there by half.

use crate::bench::{Change, change};
use crate::support::temp::TempDir;
use backstage::db::Db;
use backstage::store::SqlStore;
use backstage_actors::ports::{Key, Store};
use backstage_core::effect::Lane;
use backstage_core::{Kind, TimerName};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const FILE: &str = "BACKSTAGE_KILL_TEST_FILE";
const ROUNDS: usize = 5;
const COMMITS: usize = 200;

fn key() -> Key {
    Key::new(Kind::Space, "killed")
}

/// Not a test by itself: the child that [`a_killed_process_loses_nothing_it_was_told_is_kept`] kills.
#[tokio::test]
#[ignore = "the child of another test"]
async fn child_that_commits_until_it_is_killed() {
    let Ok(url) = std::env::var(FILE) else { return };
    let store = SqlStore::new(Db::connect(&url).await.unwrap());
    let mut version = store.load(&key()).await.unwrap().map_or(0, |stored| stored.version);
    loop {
        let commit = change(&key(), version).effect(Lane::Spine, version).set(TimerName::Closing, version);
        store.commit(commit).await.unwrap();
        version += 1;
        println!("committed {version}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_was_told_is_kept() {
    let dir = TempDir::new("kill");
    let url = Db::url_of(&dir.path().join("killed.db"));
    for _ in 0..ROUNDS {
        let acknowledged = commit_and_kill(&url);
        let db = Db::connect(&url).await.unwrap();
        let store = SqlStore::new(db.clone());
        let version = store.load(&key()).await.unwrap().unwrap().version;
        assert!(version >= acknowledged, "{acknowledged} were acknowledged, {version} are there");
        let events = store.events(&key(), 0, u32::MAX).await.unwrap();
        assert_eq!(events.last().map(|event| event.version), Some(version));
        assert_eq!(events.len() as i64, version);
        let waiting: u64 = store.outbox_backlog().await.unwrap().iter().map(|lane| lane.waiting).sum();
        assert_eq!(waiting as i64, version);
        let due = store.next_timer_at().await.unwrap().unwrap();
        assert_eq!(due.0, version - 1);
        db.close().await;
    }
}

/// Lets a child commit for a while, kills it, and returns the last version it had acknowledged.
fn commit_and_kill(url: &str) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FILE, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let committed = |line: std::io::Result<String>| line.ok()?.split_once("committed ")?.1.parse::<i64>().ok();
    let mut last = lines.by_ref().filter_map(committed).nth(COMMITS).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it still said before it died counts too.
    last = lines.filter_map(committed).last().unwrap_or(last);
    last
}
