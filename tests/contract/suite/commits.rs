//! One transaction, fenced by a version.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::effect::Lane;
use backstage_core::{Kind, TimerName};
use futures_util::future::join_all;

pub async fn what_is_committed_is_what_is_loaded(bench: &Bench) {
    let key = Key::new(Kind::Space, "a");
    let state = "{\"name\":\"O'Neil \u{1f3a5} \\u0041\"}";
    bench.put(Commit { state: state.into(), ..change(&key, 0) }).await;
    let stored = bench.store.load(&key).await.unwrap();
    assert_eq!(stored, Some(Stored { version: 1, state: state.into() }));
    bench.put(change(&key, 1)).await;
    assert_eq!(bench.store.load(&key).await.unwrap(), Some(Stored { version: 2, state: "{\"version\":2}".into() }));
}

pub async fn an_aggregate_never_committed_is_none(bench: &Bench) {
    bench.put(change(&Key::new(Kind::Space, "a"), 0)).await;
    assert_eq!(bench.version(&Key::new(Kind::Space, "b")).await, None);
    assert_eq!(bench.version(&Key::new(Kind::Experience, "a")).await, None);
}

pub async fn a_decision_made_on_an_old_version_is_refused_and_writes_nothing(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").set(TimerName::LobbyExpiry, 5_000)).await;
    bench.put(stream("e", "s", 1, "lobby")).await;
    bench.receive("livekit:1", 1).await;
    let stale = stream("e", "s", 1, "live")
        .effect(Lane::Rooms, 1)
        .set(TimerName::LiveLimit, 10)
        .cancel(TimerName::LobbyExpiry)
        .settles(Settles::Inbox("livekit:1".into()));
    assert_eq!(bench.store.commit(stale).await, Err(StoreError::Conflict));
    assert_eq!(bench.version(&stream_key("s")).await, Some(2));
    assert_eq!(bench.store.events(&stream_key("s"), 0, 10).await.unwrap().len(), 2);
    assert_eq!(bench.claim(Lane::Rooms, 100, 10).await, Vec::<String>::new());
    assert_eq!(bench.store.timers(&stream_key("s")).await.unwrap(), [TimerName::LobbyExpiry]);
    assert_eq!(bench.messages().await, ["livekit:1"]);
    let ahead = stream("e", "s", 3, "live");
    assert_eq!(bench.store.commit(ahead).await, Err(StoreError::Conflict));
    let unknown = stream("e", "unknown", 1, "ended");
    assert_eq!(bench.store.commit(unknown).await, Err(StoreError::Conflict));
    assert_eq!(bench.version(&stream_key("unknown")).await, None);
}

pub async fn a_second_first_commit_is_a_conflict(bench: &Bench) {
    let key = Key::new(Kind::Space, "a");
    bench.put(change(&key, 0)).await;
    assert_eq!(bench.store.commit(change(&key, 0)).await, Err(StoreError::Conflict));
    assert_eq!(bench.version(&key).await, Some(1));
}

pub async fn of_fifty_commits_on_one_version_one_wins(bench: &Bench) {
    let key = Key::new(Kind::Space, "a");
    for version in 0..3 {
        let tries = (0..50).map(|n| {
            let state = format!("{{\"winner\":{n}}}");
            async move {
                (
                    bench
                        .store
                        .commit(Commit { state: state.clone(), ..change(&Key::new(Kind::Space, "a"), version) })
                        .await,
                    state,
                )
            }
        });
        let results = join_all(tries).await;
        let winners: Vec<&String> =
            results.iter().filter(|(result, _)| result.is_ok()).map(|(_, state)| state).collect();
        assert_eq!(winners.len(), 1);
        assert!(results.iter().all(|(result, _)| matches!(result, Ok(()) | Err(StoreError::Conflict))));
        let stored = bench.store.load(&key).await.unwrap().unwrap();
        assert_eq!((stored.version, &stored.state), (version + 1, winners[0]));
    }
    assert_eq!(bench.store.events(&key, 0, 100).await.unwrap().len(), 3);
}

pub async fn the_timeline_is_told_in_order_and_in_pieces(bench: &Bench) {
    let key = stream_key("s");
    for version in 0..5 {
        bench.put(stream("e", "s", version, "lobby")).await;
    }
    bench.put(stream("e2", "other", 0, "lobby")).await;
    let versions = |rows: Vec<EventRow>| rows.into_iter().map(|row| row.version).collect::<Vec<_>>();
    assert_eq!(versions(bench.store.events(&key, 0, 100).await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(versions(bench.store.events(&key, 2, 2).await.unwrap()), [3, 4]);
    assert_eq!(versions(bench.store.events(&key, 5, 2).await.unwrap()), [0_i64; 0]);
    let first = bench.store.events(&key, 0, 1).await.unwrap();
    assert_eq!(first, [stream("e", "s", 0, "lobby").event]);
}
