//! What the store itself refuses, whatever the actors think.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::Kind;
use backstage_core::effect::Lane;
use futures_util::future::join_all;

pub async fn a_second_open_stream_is_refused_while_one_is_open(bench: &Bench) {
    for (n, phase) in ["scheduled", "lobby", "live", "reconnecting"].into_iter().enumerate() {
        let (experience, first, second) = (format!("e{n}"), format!("first{n}"), format!("second{n}"));
        bench.put(stream(&experience, &first, 0, phase)).await;
        let refused = stream(&experience, &second, 0, "lobby").effect(Lane::Rooms, 1);
        assert_eq!(bench.store.commit(refused.clone()).await, Err(StoreError::OpenStreamExists));
        assert_eq!(bench.version(&stream_key(&second)).await, None);
        assert_eq!(bench.claim(Lane::Rooms, 100, 10).await, Vec::<String>::new());
        // Another experience is free, and so is this one when the first stream is over.
        bench.put(stream(&format!("other{n}"), &format!("third{n}"), 0, phase)).await;
        bench.put(stream(&experience, &first, 1, "ended")).await;
        bench.put(refused).await;
        let back = stream(&experience, &first, 2, "live");
        assert_eq!(bench.store.commit(back).await, Err(StoreError::OpenStreamExists));
        assert_eq!(bench.claim(Lane::Rooms, 100, 10).await.len(), 1);
    }
}

pub async fn of_many_streams_opened_at_once_one_wins(bench: &Bench) {
    let opened = join_all((0..20).map(|n| bench.store.commit(stream("e", &format!("s{n}"), 0, "lobby")))).await;
    assert_eq!(opened.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(opened.iter().all(|result| matches!(result, Ok(()) | Err(StoreError::OpenStreamExists))));
    assert_eq!(bench.store.open_streams().await.unwrap().len(), 1);
}

pub async fn an_address_is_given_once_among_siblings(bench: &Bench) {
    let (one, two, three) =
        (Key::new(Kind::Experience, "1"), Key::new(Kind::Experience, "2"), Key::new(Kind::Experience, "3"));
    bench.put(change(&one, 0).slug("space", "talk")).await;
    let refused = bench.store.commit(change(&two, 0).slug("space", "talk")).await;
    assert_eq!(refused, Err(StoreError::SlugTaken));
    assert_eq!(bench.version(&two).await, None);
    bench.put(change(&two, 0).slug("space", "walk")).await;
    assert_eq!(bench.store.commit(change(&two, 1).slug("space", "talk")).await, Err(StoreError::SlugTaken));
    assert_eq!(bench.version(&two).await, Some(1));
    bench.put(change(&three, 0).slug("other space", "talk")).await;
    // Streams have no address and are never in each other's way.
    bench.put(stream("e", "s1", 0, "ended")).await;
    bench.put(stream("e", "s2", 0, "ended")).await;
}

pub async fn a_space_has_its_address_alone_everywhere(bench: &Bench) {
    bench.put(change(&Key::new(Kind::Space, "1"), 0).slug("team", "demo")).await;
    let refused = bench.store.commit(change(&Key::new(Kind::Space, "2"), 0).slug("another team", "demo")).await;
    assert_eq!(refused, Err(StoreError::SlugTaken));
    bench.put(change(&Key::new(Kind::Experience, "2"), 0).slug("1", "demo")).await;
}

pub async fn a_new_address_frees_the_old_one(bench: &Bench) {
    let one = Key::new(Kind::Space, "1");
    bench.put(change(&one, 0).slug("team", "demo")).await;
    bench.put(change(&one, 1).slug("team", "demo")).await;
    bench.put(change(&one, 2).slug("team", "show")).await;
    bench.put(change(&Key::new(Kind::Space, "2"), 0).slug("team", "demo")).await;
}

pub async fn the_first_reason_that_applies_is_given(bench: &Bench) {
    bench.put(stream("e", "open", 0, "live")).await;
    bench.put(stream("e", "over", 0, "ended")).await;
    let settled = Settles::Inbox("never received".into());
    let all_wrong = stream("e", "over", 0, "lobby").settles(settled);
    assert_eq!(bench.store.commit(all_wrong).await, Err(StoreError::AlreadySettled));
    // The version is wrong, and a stream is open already.
    assert_eq!(bench.store.commit(stream("e", "over", 0, "lobby")).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.commit(stream("e", "over", 5, "lobby")).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.commit(stream("e", "over", 1, "lobby")).await, Err(StoreError::OpenStreamExists));
    let space = |id: &str, version| change(&Key::new(Kind::Space, id), version).slug("team", "demo");
    bench.put(space("1", 0)).await;
    assert_eq!(bench.store.commit(space("1", 0)).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.commit(space("2", 1)).await, Err(StoreError::Conflict));
    assert_eq!(bench.store.commit(space("2", 0)).await, Err(StoreError::SlugTaken));
}
