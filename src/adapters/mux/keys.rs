//! The `StreamKeys` port.

use super::Mux;
use crate::ports::StreamKeys;
use backstage_actors::ports::{BoxFuture, ProviderError};
use backstage_core::BroadcastId;
use backstage_media::rtmp::StreamKey;

impl StreamKeys for Mux {
    fn key<'a>(&'a self, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<StreamKey, ProviderError>> {
        Box::pin(async move {
            let live = self.live_stream(broadcast.as_str()).await?;
            Ok(StreamKey::new(live.stream_key.expose()))
        })
    }
}
