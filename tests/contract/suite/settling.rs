//! What an event settles is settled with it, once.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::effect::Lane;
use backstage_core::{TimerName, Timestamp};
use futures_util::future::join_all;

fn timer(due_at: i64) -> Settles {
    Settles::Timer { owner: stream_key("s"), name: TimerName::Grace, due_at: Timestamp(due_at) }
}

pub async fn an_effect_is_settled_by_one_commit_only(bench: &Bench) {
    bench.put(stream("e", "asker", 0, "ended").effect(Lane::Domain, 10)).await;
    let key = bench.claim(Lane::Domain, 10, 10).await.remove(0);
    let outcome = |version| stream("e", "s", version, "lobby").settles(Settles::Effect(key.clone()));
    bench.put(outcome(0)).await;
    assert_eq!(bench.store.commit(outcome(1)).await, Err(StoreError::AlreadySettled));
    assert_eq!(bench.version(&stream_key("s")).await, Some(1));
    assert_eq!(bench.claim(Lane::Domain, 1_000_000, 10).await, Vec::<String>::new());
    assert_eq!(bench.store.next_effect_at(Lane::Domain).await.unwrap(), None);
}

pub async fn a_message_is_settled_by_one_commit_only(bench: &Bench) {
    bench.receive("livekit:1", 1).await;
    let outcome = |version| stream("e", "s", version, "lobby").settles(Settles::Inbox("livekit:1".into()));
    bench.put(outcome(0)).await;
    assert_eq!(bench.messages().await, Vec::<String>::new());
    assert_eq!(bench.store.commit(outcome(1)).await, Err(StoreError::AlreadySettled));
    assert_eq!(bench.version(&stream_key("s")).await, Some(1));
}

pub async fn a_timer_is_settled_at_its_exact_due_time_only(bench: &Bench) {
    bench.put(stream("e", "s", 0, "reconnecting").set(TimerName::Grace, 500)).await;
    let fired = |version, due_at| stream("e", "s", version, "reconnecting").settles(timer(due_at));
    for other in [499, 501] {
        assert_eq!(bench.store.commit(fired(1, other)).await, Err(StoreError::AlreadySettled));
        bench.store.settle(timer(other)).await.unwrap();
    }
    assert_eq!(bench.store.due_timers(Timestamp(500), 10).await.unwrap().len(), 1);
    bench.put(fired(1, 500)).await;
    assert_eq!(bench.store.due_timers(Timestamp(500), 10).await.unwrap(), []);
    assert_eq!(bench.store.commit(fired(2, 500)).await, Err(StoreError::AlreadySettled));
    // A timer that fires may set itself again in the same commit.
    bench.put(stream("e", "s", 2, "reconnecting").set(TimerName::Grace, 600)).await;
    bench.put(fired(3, 600).set(TimerName::Grace, 700)).await;
    assert_eq!(bench.store.next_timer_at().await.unwrap(), Some(Timestamp(700)));
}

pub async fn of_many_commits_that_settle_the_same_one_wins(bench: &Bench) {
    bench.receive("livekit:1", 1).await;
    bench.put(stream("e", "asker", 0, "ended").effect(Lane::Domain, 10).set(TimerName::Closing, 20)).await;
    let key = bench.claim(Lane::Domain, 10, 10).await.remove(0);
    let closing = Settles::Timer { owner: stream_key("asker"), name: TimerName::Closing, due_at: Timestamp(20) };
    for (n, settles) in [Settles::Inbox("livekit:1".into()), Settles::Effect(key), closing].into_iter().enumerate() {
        let outcomes =
            (0..20).map(|m| bench.store.commit(stream("e", &format!("s{n}-{m}"), 0, "ended").settles(settles.clone())));
        let results = join_all(outcomes).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(StoreError::AlreadySettled))));
    }
}

pub async fn a_refused_commit_settles_nothing(bench: &Bench) {
    bench.receive("livekit:1", 1).await;
    bench.put(stream("e", "open", 0, "live").effect(Lane::Domain, 10).set(TimerName::LiveLimit, 20)).await;
    let due = Settles::Timer { owner: stream_key("open"), name: TimerName::LiveLimit, due_at: Timestamp(20) };
    let waiting = Settles::Effect("stream:open:1:0".into());
    for settles in [Settles::Inbox("livekit:1".into()), waiting, due] {
        let refused = bench.store.commit(stream("e", "second", 0, "live").settles(settles)).await;
        assert_eq!(refused, Err(StoreError::OpenStreamExists));
    }
    assert_eq!(bench.messages().await, ["livekit:1"]);
    assert_eq!(bench.claim(Lane::Domain, 10, 10).await, ["stream:open:1:0"]);
    assert_eq!(bench.store.due_timers(Timestamp(20), 10).await.unwrap().len(), 1);
}

pub async fn settling_without_a_change_may_be_repeated(bench: &Bench) {
    bench.receive("livekit:1", 1).await;
    bench.put(stream("e", "s", 0, "live").effect(Lane::Domain, 10).set(TimerName::Grace, 20)).await;
    for settles in [Settles::Inbox("livekit:1".into()), Settles::Effect("stream:s:1:0".into()), timer(20)] {
        bench.store.settle(settles.clone()).await.unwrap();
        bench.store.settle(settles.clone()).await.unwrap();
        let late = stream("e", "s", 1, "live").settles(settles);
        assert_eq!(bench.store.commit(late).await, Err(StoreError::AlreadySettled));
    }
    assert_eq!(bench.messages().await, Vec::<String>::new());
    assert_eq!(bench.claim(Lane::Domain, 10, 10).await, Vec::<String>::new());
    assert_eq!(bench.store.next_timer_at().await.unwrap(), None);
    bench.store.settle(Settles::Effect("never there".into())).await.unwrap();
}
