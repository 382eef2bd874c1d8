//! The `Rooms` port over LiveKit's room service (Twirp over HTTP).
//!
//! `mute_published_track` of the client crate panics on an unknown track (0.10); nothing here uses it.

use super::{CALL_MS_MAX, Endpoint, HOST_PREFIX, RoomNames};
use backstage_actors::ports::{BoxFuture, ProviderError, RoomSeen, Rooms};
use backstage_core::{StreamId, TrackId};
use livekit_api::services::room::{CreateRoomOptions, RoomClient};
use livekit_api::services::{ServerError, ServiceError};
use livekit_protocol as proto;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Rooms live until we close them: longer than any stream may last, s.
pub(super) const ROOM_KEPT_S: u32 = 26 * 60 * 60;
/// Participants removed at the same time.
const TOGETHER_MAX: usize = 16;

/// The rooms of one installation. Cheap to clone.
#[derive(Clone)]
pub struct LiveKitRooms {
    client: Arc<RoomClient>,
    names: RoomNames,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantSeen {
    /// `host:{user}` or `viewer:{user}:{nonce}`.
    pub identity: String,
    /// Tracks that are published now, muted ones too.
    pub tracks: BTreeSet<TrackId>,
}

impl LiveKitRooms {
    /// Connects when first used.
    pub fn new(endpoint: &Endpoint, install: &str) -> LiveKitRooms {
        let client = RoomClient::with_api_key(&endpoint.http_url(), &endpoint.api_key, &endpoint.api_secret)
            .with_failover(false)
            .with_request_timeout(Duration::from_millis(CALL_MS_MAX));
        LiveKitRooms { client: Arc::new(client), names: RoomNames::new(install) }
    }

    /// Everybody in the stream's room; `None` without a room.
    pub async fn participants(&self, stream: &StreamId) -> Result<Option<Vec<ParticipantSeen>>, ProviderError> {
        let room = self.names.of(stream);
        match self.client.list_participants(&room).await {
            Ok(list) if !list.is_empty() => Ok(Some(list.into_iter().filter_map(seen).collect())),
            // LiveKit gives an empty list both for an empty room and for none.
            Ok(_) => Ok(self.exists(&room).await?.then(Vec::new)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(sorted(error)),
        }
    }

    /// Disconnects everybody whose identity begins with `identity_prefix`, as `viewer:{user}:`; says how many.
    /// Their tokens stay valid for up to [`super::tokens::TOKEN_MS`], so admission must refuse them too, and whoever must stay out
    /// has to be removed again when seen again.
    pub async fn remove(&self, stream: &StreamId, identity_prefix: &str) -> Result<usize, ProviderError> {
        use futures_util::{StreamExt, TryStreamExt};
        let room = self.names.of(stream);
        let mut leaving: Vec<String> =
            self.participants(stream).await?.into_iter().flatten().map(|seen| seen.identity).collect();
        leaving.retain(|identity| identity.starts_with(identity_prefix));
        let count = leaving.len();
        futures_util::stream::iter(leaving)
            .map(|identity| {
                let room = &room;
                async move {
                    match self.client.remove_participant(room, &identity).await {
                        Err(error) if !is_not_found(&error) => Err(sorted(error)),
                        _ => Ok(()),
                    }
                }
            })
            .buffer_unordered(TOGETHER_MAX)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(count)
    }

    async fn exists(&self, room: &str) -> Result<bool, ProviderError> {
        Ok(!self.client.list_rooms(vec![room.to_owned()]).await.map_err(sorted)?.is_empty())
    }

    async fn open_room(&self, stream: &StreamId) -> Result<(), ProviderError> {
        let options = CreateRoomOptions {
            empty_timeout: ROOM_KEPT_S,
            departure_timeout: ROOM_KEPT_S,
            ..CreateRoomOptions::default()
        };
        self.client.create_room(&self.names.of(stream), options).await.map_err(sorted)?;
        Ok(())
    }

    async fn close_room(&self, stream: &StreamId) -> Result<(), ProviderError> {
        match self.client.delete_room(&self.names.of(stream)).await {
            Err(error) if !is_not_found(&error) => Err(sorted(error)),
            _ => Ok(()),
        }
    }

    async fn own_rooms(&self) -> Result<Vec<RoomSeen>, ProviderError> {
        let rooms = self.client.list_rooms(Vec::new()).await.map_err(sorted)?;
        Ok(rooms.iter().filter_map(|room| self.names.stream(&room.name)).map(|stream| RoomSeen { stream }).collect())
    }

    async fn tracks_of_host(&self, stream: &StreamId) -> Result<Option<BTreeSet<TrackId>>, ProviderError> {
        let Some(participants) = self.participants(stream).await? else { return Ok(None) };
        let hosts = participants.into_iter().filter(|seen| seen.identity.starts_with(HOST_PREFIX));
        Ok(Some(hosts.flat_map(|host| host.tracks).collect()))
    }
}

fn seen(participant: proto::ParticipantInfo) -> Option<ParticipantSeen> {
    if participant.state == proto::participant_info::State::Disconnected as i32 {
        return None;
    }
    let tracks = participant.tracks.iter().filter_map(|track| track.sid.parse().ok()).collect();
    Some(ParticipantSeen { identity: participant.identity, tracks })
}

impl Rooms for LiveKitRooms {
    fn open<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.open_room(stream))
    }

    fn close<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.close_room(stream))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<RoomSeen>, ProviderError>> {
        Box::pin(self.own_rooms())
    }

    fn host_tracks<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<TrackId>>, ProviderError>> {
        Box::pin(self.tracks_of_host(stream))
    }
}

pub(super) fn is_not_found(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(answer)) if answer.code == "not_found")
}

/// Sorts an error by what trying again could change. Refused credentials count as "not now": an operator puts them
/// right, and until then the outbox keeps what is to be done.
pub(super) fn sorted(error: ServiceError) -> ProviderError {
    match error {
        ServiceError::Twirp(ServerError::Twirp(answer)) => {
            let words = format!("LiveKit answered {}: {}", answer.code, answer.msg);
            match answer.code.as_str() {
                "invalid_argument" | "malformed" | "bad_route" | "out_of_range" | "unimplemented"
                | "already_exists" => ProviderError::Final(words),
                _ => ProviderError::TryAgain(words),
            }
        }
        ServiceError::Twirp(ServerError::Request(error)) if error.is_timeout() => {
            ProviderError::TryAgain(format!("LiveKit did not answer within {CALL_MS_MAX} ms"))
        }
        ServiceError::Twirp(ServerError::Request(error)) => {
            ProviderError::TryAgain(format!("LiveKit cannot be reached: {}", cause(&error)))
        }
        ServiceError::Twirp(ServerError::Url(error)) => {
            ProviderError::Final(format!("LiveKit's URL is not one: {error}"))
        }
        ServiceError::Twirp(ServerError::Prost(error)) => {
            ProviderError::TryAgain(format!("LiveKit's answer cannot be read: {error}"))
        }
        ServiceError::AccessToken(_) | ServiceError::Env(_) => {
            ProviderError::Final("LiveKit's key and secret cannot sign".into())
        }
    }
}

/// The innermost cause, which says what went wrong ("Connection refused").
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
