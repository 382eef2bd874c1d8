//! Durable alarms.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::{Kind, TimerName, Timestamp};

async fn due(bench: &Bench, now: i64, limit: u32) -> Vec<(String, TimerName, i64)> {
    let rows = bench.store.due_timers(Timestamp(now), limit).await.unwrap();
    rows.into_iter().map(|row| (row.owner.id, row.name, row.due_at.0)).collect()
}

pub async fn a_due_timer_stays_until_it_is_settled(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").set(TimerName::LobbyExpiry, 100)).await;
    assert_eq!(due(bench, 99, 10).await, []);
    for _ in 0..2 {
        assert_eq!(due(bench, 100, 10).await, [("s".to_owned(), TimerName::LobbyExpiry, 100)]);
    }
    let settles = Settles::Timer { owner: stream_key("s"), name: TimerName::LobbyExpiry, due_at: Timestamp(100) };
    bench.store.settle(settles).await.unwrap();
    assert_eq!(due(bench, 100, 10).await, []);
}

pub async fn a_timer_set_again_is_moved(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").set(TimerName::LobbyExpiry, 100)).await;
    bench.put(stream("e", "s", 1, "lobby").set(TimerName::LobbyExpiry, 300)).await;
    assert_eq!(due(bench, 299, 10).await, []);
    assert_eq!(due(bench, 300, 10).await, [("s".to_owned(), TimerName::LobbyExpiry, 300)]);
    bench.put(stream("e", "s", 2, "lobby").set(TimerName::LobbyExpiry, 50)).await;
    assert_eq!(bench.store.next_timer_at().await.unwrap(), Some(Timestamp(50)));
}

pub async fn a_timer_cancelled_and_set_in_one_commit_is_set(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").set(TimerName::Arming, 100)).await;
    bench.put(stream("e", "s", 1, "lobby").set(TimerName::Arming, 200).cancel(TimerName::Arming)).await;
    assert_eq!(due(bench, 1_000, 10).await, [("s".to_owned(), TimerName::Arming, 200)]);
}

pub async fn a_cancelled_timer_never_fires(bench: &Bench) {
    let all = TimerName::ALL.into_iter().enumerate();
    let set = all.fold(stream("e", "s", 0, "lobby"), |commit, (n, name)| commit.set(name, 100 + n as i64));
    bench.put(set).await;
    bench.put(stream("e2", "s2", 0, "lobby").set(TimerName::Grace, 500)).await;
    assert_eq!(bench.store.timers(&stream_key("s")).await.unwrap(), TimerName::ALL);
    // One that was never set may be cancelled too, and other streams keep theirs.
    bench.put(stream("e", "s", 1, "lobby").cancel(TimerName::Grace).cancel(TimerName::Closing)).await;
    bench.put(stream("e", "s", 2, "lobby").cancel(TimerName::Grace)).await;
    let left = [
        TimerName::ScheduleExpiry,
        TimerName::LobbyExpiry,
        TimerName::Arming,
        TimerName::LiveLimit,
        TimerName::DeliveryStep,
    ];
    assert_eq!(bench.store.timers(&stream_key("s")).await.unwrap(), left);
    let cancelled = left.into_iter().fold(stream("e", "s", 3, "lobby"), |commit, name| commit.cancel(name));
    bench.put(cancelled).await;
    assert_eq!(due(bench, 1_000, 10).await, [("s2".to_owned(), TimerName::Grace, 500)]);
}

pub async fn due_timers_come_oldest_first_with_their_path(bench: &Bench) {
    assert_eq!(bench.store.next_timer_at().await.unwrap(), None);
    bench.put(stream("e1", "late", 0, "live").set(TimerName::LiveLimit, 300)).await;
    bench.put(stream("e2", "early", 0, "lobby").set(TimerName::Arming, 100)).await;
    let space = Key::new(Kind::Space, "space");
    bench.put(change(&space, 0).set(TimerName::Closing, 200)).await;
    assert_eq!(bench.store.next_timer_at().await.unwrap(), Some(Timestamp(100)));
    let rows = bench.store.due_timers(Timestamp(1_000), 10).await.unwrap();
    let row = |owner: Key, name, due_at, path| TimerRow { owner, name, due_at: Timestamp(due_at), path };
    let expected = [
        row(stream_key("early"), TimerName::Arming, 100, Some(path("e2", "early"))),
        row(space, TimerName::Closing, 200, None),
        row(stream_key("late"), TimerName::LiveLimit, 300, Some(path("e1", "late"))),
    ];
    assert_eq!(rows, expected);
    assert_eq!(bench.store.due_timers(Timestamp(1_000), 2).await.unwrap(), expected[..2]);
}
