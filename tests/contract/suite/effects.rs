//! The outbox.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::Timestamp;
use backstage_core::effect::Lane;
use futures_util::future::join_all;

fn key(stream: &str, version: i64, place: usize) -> String {
    format!("stream:{stream}:{version}:{place}")
}

pub async fn the_oldest_come_first_and_no_more_than_asked_for(bench: &Bench) {
    for (id, at) in [("d", 10), ("c", 20), ("b", 30), ("a", 40)] {
        bench.put(stream(id, id, 0, "lobby").effect(Lane::Rooms, at)).await;
    }
    let mut claimed = bench.store.claim_effects(Lane::Rooms, Timestamp(35), 1_000, 2).await.unwrap();
    let first = claimed.remove(0);
    assert_eq!(first, stream("d", "d", 0, "lobby").effect(Lane::Rooms, 10).outbox.remove(0));
    assert_eq!(claimed[0].key, key("c", 1, 0));
    assert_eq!(bench.claim(Lane::Spine, 35, 10).await, Vec::<String>::new());
    // The last one was committed by a clock that is ahead: it is not due yet.
    assert_eq!(bench.claim(Lane::Rooms, 35, 10).await, [key("b", 1, 0)]);
}

pub async fn a_claimed_effect_is_hidden_until_its_lease_is_over(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10)).await;
    assert_eq!(bench.claim(Lane::Rooms, 10, 10).await.len(), 1);
    assert_eq!(bench.claim(Lane::Rooms, 1_009, 10).await, Vec::<String>::new());
    assert_eq!(bench.store.next_effect_at(Lane::Rooms).await.unwrap(), Some(Timestamp(1_010)));
    assert_eq!(bench.claim(Lane::Rooms, 1_010, 10).await, [key("s", 1, 0)]);
}

pub async fn released_effects_can_be_claimed_at_once_and_in_their_lane_only(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10).effect(Lane::Spine, 10)).await;
    assert_eq!(bench.claim(Lane::Rooms, 10, 10).await.len(), 1);
    assert_eq!(bench.claim(Lane::Spine, 10, 10).await.len(), 1);
    bench.store.release_effects(Lane::Rooms, Timestamp(20)).await.unwrap();
    assert_eq!(bench.claim(Lane::Rooms, 20, 10).await, [key("s", 1, 0)]);
    assert_eq!(bench.claim(Lane::Spine, 20, 10).await, Vec::<String>::new());
}

pub async fn an_effect_waits_for_the_older_ones_of_its_owner_in_its_lane(bench: &Bench) {
    // Ten versions: they are counted, not compared as text.
    for version in 0..11 {
        bench.put(stream("e", "s", version, "lobby").effect(Lane::Rooms, 10)).await;
    }
    bench.put(stream("e", "s", 11, "lobby").effect(Lane::Spine, 10)).await;
    bench.put(stream("e2", "s2", 0, "lobby").effect(Lane::Rooms, 11)).await;
    assert_eq!(bench.claim(Lane::Rooms, 20, 10).await, [key("s", 1, 0), key("s2", 1, 0)]);
    assert_eq!(bench.claim(Lane::Spine, 20, 10).await, [key("s", 12, 0)]);
    let again = Performed::Retry { at: Timestamp(5_000), error: "not now".into() };
    bench.store.performed(&key("s", 1, 0), again).await.unwrap();
    assert_eq!(bench.claim(Lane::Rooms, 1_000, 10).await, Vec::<String>::new());
    for version in 1..12 {
        assert_eq!(bench.claim(Lane::Rooms, 10_000, 1).await, [key("s", version, 0)]);
        bench.store.performed(&key("s", version, 0), Performed::Done).await.unwrap();
        bench.store.performed(&key("s2", 1, 0), Performed::Done).await.unwrap();
    }
}

pub async fn effects_of_one_commit_keep_their_order(bench: &Bench) {
    let commit = (0..12).fold(stream("e", "s", 0, "lobby"), |commit, _| commit.effect(Lane::Spine, 10));
    bench.put(commit).await;
    for place in 0..12 {
        assert_eq!(bench.claim(Lane::Spine, 20, 10).await, [key("s", 1, place)]);
        bench.store.performed(&key("s", 1, place), Performed::Done).await.unwrap();
    }
}

pub async fn nobody_gets_an_effect_that_another_one_claimed(bench: &Bench) {
    for n in 0..40 {
        bench.put(stream(&format!("e{n}"), &format!("s{n}"), 0, "lobby").effect(Lane::Rooms, n)).await;
    }
    let mut claimed: Vec<String> = vec![];
    // On Postgres claims at the same moment may come back with less than there is: whoever is late asks again.
    for _ in 0..40 {
        let round = join_all((0..10).map(|_| bench.claim(Lane::Rooms, 100, 5))).await;
        claimed.extend(round.into_iter().flatten());
        if claimed.len() >= 40 {
            break;
        }
    }
    let all = claimed.len();
    claimed.sort();
    claimed.dedup();
    assert_eq!((claimed.len(), all), (40, 40));
}

pub async fn a_failed_effect_comes_back_at_its_time_and_counts_its_attempts(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10)).await;
    for attempt in 0..3 {
        let now = 10 + i64::from(attempt) * 100;
        let rows = bench.store.claim_effects(Lane::Rooms, Timestamp(now), 5_000, 10).await.unwrap();
        assert_eq!(rows[0].attempts, attempt);
        let again = Performed::Retry { at: Timestamp(now + 100), error: "refused".into() };
        bench.store.performed(&rows[0].key, again).await.unwrap();
        assert_eq!(bench.store.next_effect_at(Lane::Rooms).await.unwrap(), Some(Timestamp(now + 100)));
        assert_eq!(bench.claim(Lane::Rooms, now + 99, 10).await, Vec::<String>::new());
    }
}

pub async fn an_effect_given_up_is_a_dead_letter_and_holds_nobody_up(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10).effect(Lane::Rooms, 10)).await;
    assert_eq!(bench.claim(Lane::Rooms, 10, 10).await, [key("s", 1, 0)]);
    let dead = Performed::Dead { error: "no such room".into() };
    bench.store.performed(&key("s", 1, 0), dead).await.unwrap();
    assert_eq!(bench.claim(Lane::Rooms, 20, 10).await, [key("s", 1, 1)]);
    // A late report brings it back no more.
    bench.store.performed(&key("s", 1, 0), Performed::Retry { at: Timestamp(30), error: "late".into() }).await.unwrap();
    bench.store.performed(&key("s", 1, 1), Performed::Done).await.unwrap();
    assert_eq!(bench.claim(Lane::Rooms, 100_000, 10).await, Vec::<String>::new());
    assert_eq!(bench.store.next_effect_at(Lane::Rooms).await.unwrap(), None);
}

pub async fn an_effect_that_is_done_stays_done(bench: &Bench) {
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10)).await;
    assert_eq!(bench.claim(Lane::Rooms, 10, 10).await.len(), 1);
    let report = |outcome| bench.store.performed("stream:s:1:0", outcome);
    report(Performed::Done).await.unwrap();
    report(Performed::Retry { at: Timestamp(20), error: "late".into() }).await.unwrap();
    report(Performed::Dead { error: "late".into() }).await.unwrap();
    report(Performed::Done).await.unwrap();
    assert_eq!(bench.claim(Lane::Rooms, 100_000, 10).await, Vec::<String>::new());
    let late = stream("e", "s", 1, "lobby").settles(Settles::Effect(key("s", 1, 0)));
    assert_eq!(bench.store.commit(late).await, Err(StoreError::AlreadySettled));
    bench.store.performed("never there", Performed::Done).await.unwrap();
}

pub async fn the_next_due_time_is_that_of_an_effect_that_can_be_claimed(bench: &Bench) {
    let next = || async { bench.store.next_effect_at(Lane::Rooms).await.unwrap() };
    assert_eq!(next().await, None);
    bench.put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10).effect(Lane::Rooms, 10)).await;
    assert_eq!(next().await, Some(Timestamp(10)));
    bench.claim(Lane::Rooms, 10, 10).await;
    // The second one waits for the first: its own time does not count yet.
    assert_eq!(next().await, Some(Timestamp(1_010)));
    bench.put(stream("e2", "s2", 0, "lobby").effect(Lane::Rooms, 700)).await;
    assert_eq!(next().await, Some(Timestamp(700)));
    assert_eq!(bench.store.next_effect_at(Lane::Spine).await.unwrap(), None);
}

pub async fn the_backlog_counts_what_waits_and_what_is_dead(bench: &Bench) {
    let of = |lane, waiting, dead, oldest_at: Option<i64>| Backlog {
        lane,
        waiting,
        dead,
        oldest_at: oldest_at.map(Timestamp),
    };
    let nothing = Lane::ALL.map(|lane| of(lane, 0, 0, None));
    assert_eq!(bench.store.outbox_backlog().await.unwrap(), nothing);
    bench
        .put(stream("e", "s", 0, "lobby").effect(Lane::Rooms, 10).effect(Lane::Rooms, 20).effect(Lane::Spine, 5))
        .await;
    let dead = Performed::Dead { error: "gone".into() };
    bench.store.performed(&key("s", 1, 0), dead.clone()).await.unwrap();
    bench.store.performed(&key("s", 1, 2), dead).await.unwrap();
    let expected = [
        of(Lane::Domain, 0, 0, None),
        of(Lane::Rooms, 1, 1, Some(20)),
        of(Lane::Spine, 0, 1, None),
        of(Lane::Media, 0, 0, None),
        of(Lane::Broadcasts, 0, 0, None),
    ];
    assert_eq!(bench.store.outbox_backlog().await.unwrap(), expected);
}
