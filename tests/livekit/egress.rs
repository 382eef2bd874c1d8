//! A real LiveKit without Redis has no Egress.

use crate::stand::{Folder, until};
use backstage::adapters::livekit::{EgressBridges, EgressSettings};
use backstage::ports::StreamKeys;
use backstage_actors::fakes::Silent;
use backstage_actors::ports::{BoxFuture, Bridges, Path, ProviderError, WorkerSeen};
use backstage_core::BroadcastId;
use backstage_media::rtmp::StreamKey;
use std::sync::Arc;
use std::time::Duration;

struct Keys;

impl StreamKeys for Keys {
    fn key<'a>(&'a self, _: &'a BroadcastId) -> BoxFuture<'a, Result<StreamKey, ProviderError>> {
        Box::pin(async { Ok(StreamKey::new("a-stream-key")) })
    }
}

#[actix_web::test]
async fn an_egress_is_given_up_at_a_livekit_without_redis_and_stopping_it_is_fine() {
    let folder = Folder::new();
    let server = folder.start().await.unwrap();
    let bridges = EgressBridges::new(EgressSettings {
        endpoint: server.endpoint().clone(),
        install: "a".into(),
        keys: Arc::new(Keys),
        ingest_url: "rtmp://127.0.0.1:9/app".into(),
        file: None,
        gauge: Arc::new(Silent),
        look_every: Duration::from_millis(50),
    });
    let path = Path { space: "p".parse().unwrap(), experience: "e".parse().unwrap(), stream: "s".parse().unwrap() };
    bridges.start(&path, &"b".parse().unwrap()).await.unwrap();
    until("giving up", async || bridges.look(&path.stream).await == Ok(WorkerSeen::Missing)).await;
    assert_eq!(bridges.stop(&path.stream).await, Ok(()));
    assert_eq!(bridges.list().await, Ok(vec![]));
}
