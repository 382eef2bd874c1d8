//! A fresh token for each time that the bridge joins the room.

use backstage_actors::ports::{Clock, Ids};
use backstage_core::StreamId;
use backstage_media::participant::{Access, TokenError, TokenSource};
use futures_util::future::BoxFuture;
use std::sync::Arc;

use crate::adapters::livekit::Tokens;

/// See the module.
pub struct RoomTokens {
    pub tokens: Tokens,
    pub stream: StreamId,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl TokenSource for RoomTokens {
    fn access(&self) -> BoxFuture<'_, Result<Access, TokenError>> {
        // An identity of its own each time: a second join with the same one would put the first out.
        let token = self.tokens.bridge(&self.stream, &self.ids.next(), self.clock.now());
        Box::pin(std::future::ready(Ok(Access { url: token.url, token: token.jwt })))
    }
}
