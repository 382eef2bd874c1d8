//! Messages from outside.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::Timestamp;
use futures_util::future::join_all;

pub async fn a_message_is_stored_once(bench: &Bench) {
    let received = join_all((0..20).map(|_| bench.receive("livekit:1", 1))).await;
    assert_eq!(received.into_iter().filter(|first| *first).count(), 1);
    assert!(bench.receive("mux:1", 2).await);
    let messages = bench.store.unsettled_inbox("livekit:", 10).await.unwrap();
    let first = InboxMessage { key: "livekit:1".into(), body: "body of livekit:1".into(), at: Timestamp(1) };
    assert_eq!(messages, [first], "each worker sees its own");
    assert_eq!(bench.store.unsettled_inbox("mux:", 10).await.unwrap().len(), 1);
}

pub async fn unsettled_messages_come_oldest_first(bench: &Bench) {
    for (key, at) in [("livekit:z", 1), ("livekit:y", 2), ("livekit:x", 3)] {
        bench.receive(key, at).await;
    }
    assert_eq!(bench.messages().await, ["livekit:z", "livekit:y", "livekit:x"]);
    assert_eq!(bench.store.unsettled_inbox("livekit:", 2).await.unwrap().len(), 2);
    bench.store.settle(Settles::Inbox("livekit:z".into())).await.unwrap();
    assert_eq!(bench.messages().await, ["livekit:y", "livekit:x"]);
}

pub async fn a_settled_message_never_comes_back(bench: &Bench) {
    bench.receive("livekit:1", 1).await;
    bench.store.settle(Settles::Inbox("livekit:1".into())).await.unwrap();
    assert!(!bench.receive("livekit:1", 9).await);
    assert_eq!(bench.messages().await, Vec::<String>::new());
}
