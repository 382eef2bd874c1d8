//! What the reconciler asks.

use crate::bench::*;
use backstage_actors::ports::*;
use backstage_core::{Kind, StreamId};

pub async fn open_and_ended_streams_are_listed_with_their_path(bench: &Bench) {
    let phases = ["scheduled", "lobby", "live", "reconnecting", "ended", "archived", "cancelled"];
    for (n, phase) in phases.into_iter().enumerate() {
        bench.put(stream(&format!("e{n}"), &format!("s{n}"), 0, phase)).await;
    }
    // Something of another kind may have a phase of the same name.
    bench.put(Commit { phase: "live", ..change(&Key::new(Kind::Experience, "x"), 0) }).await;
    let mut open = bench.store.open_streams().await.unwrap();
    open.sort_by(|a, b| a.path.cmp(&b.path));
    let expected: Vec<OpenStream> = (0..5)
        .map(|n| OpenStream { path: path(&format!("e{n}"), &format!("s{n}")), phase: phases[n].into() })
        .collect();
    assert_eq!(open, expected);
}

pub async fn a_stream_is_found_by_its_path(bench: &Bench) {
    bench.put(stream("e", "s", 0, "archived")).await;
    bench.put(change(&Key::new(Kind::Space, "space"), 0)).await;
    let path_of = |id: &str| {
        let id = StreamId::parse(id).unwrap();
        async move { bench.store.path(&id).await.unwrap() }
    };
    assert_eq!(path_of("s").await, Some(path("e", "s")));
    assert_eq!(path_of("unknown").await, None);
    assert_eq!(path_of("space").await, None);
}
