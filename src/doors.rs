//! The doors of a LiveKit server: tickets and who is inside, over the adapter.

use backstage_actors::ports::{BoxFuture, Clock, ProviderError};
use backstage_core::{StreamId, UserId};
use std::sync::Arc;

use crate::adapters::livekit::{Endpoint, LiveKitRooms, Token, Tokens, check};
use crate::ports::{Doors, Ticket};

/// See [`Doors`].
pub struct LiveKitDoors {
    endpoint: Endpoint,
    public_url: String,
    tokens: Tokens,
    rooms: LiveKitRooms,
    clock: Arc<dyn Clock>,
}

impl LiveKitDoors {
    /// `public_url`: where browsers reach the server.
    pub fn new(
        endpoint: &Endpoint,
        public_url: String,
        install: &str,
        rooms: LiveKitRooms,
        clock: Arc<dyn Clock>,
    ) -> LiveKitDoors {
        let tokens = Tokens::new(endpoint, install);
        LiveKitDoors { endpoint: endpoint.clone(), public_url, tokens, rooms, clock }
    }

    fn ticket(&self, token: Token) -> Ticket {
        Ticket {
            url: self.public_url.clone(),
            token: token.jwt,
            identity: token.identity,
            expires_at: token.expires_at,
        }
    }
}

impl Doors for LiveKitDoors {
    fn viewer_ticket(&self, stream: &StreamId, user: &UserId, nonce: &str) -> Result<Ticket, ProviderError> {
        Ok(self.ticket(self.tokens.viewer(stream, user, nonce, self.clock.now())))
    }

    fn host_ticket(&self, stream: &StreamId, user: &UserId, name: &str) -> Result<Ticket, ProviderError> {
        Ok(self.ticket(self.tokens.host(stream, user, name, self.clock.now())))
    }

    fn inside<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Vec<String>, ProviderError>> {
        Box::pin(async move {
            let seen = self.rooms.participants(stream).await?.unwrap_or_default();
            Ok(seen.into_iter().map(|one| one.identity).collect())
        })
    }

    fn remove<'a>(&'a self, stream: &'a StreamId, identity: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.rooms.remove(stream, identity).await.map(|_| ()) })
    }

    fn reachable(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move {
            match check::answers(&self.endpoint).await {
                Ok(()) => Ok(()),
                Err(error) => Err(ProviderError::TryAgain(error.to_string())),
            }
        })
    }

    fn public_url(&self) -> String {
        self.public_url.clone()
    }
}
