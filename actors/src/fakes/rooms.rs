//! A media server in memory: rooms, the host's tracks in them, and its own crashes.

use super::Trouble;
use crate::ports::{BoxFuture, ProviderError, RoomSeen, Rooms};
use backstage_core::{StreamId, TrackId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// A media server. Like the real one it makes a room when somebody joins, and forgets all rooms when it crashes.
pub struct FakeRooms {
    rooms: Mutex<BTreeMap<StreamId, BTreeSet<TrackId>>>,
    trouble: Trouble,
}

impl FakeRooms {
    /// A server with no rooms.
    pub fn new(trouble: Trouble) -> FakeRooms {
        FakeRooms { rooms: Mutex::default(), trouble }
    }

    /// The host publishes a track, joining first if need be.
    pub fn publish(&self, stream: &StreamId, track: TrackId) {
        self.rooms.lock().entry(stream.clone()).or_default().insert(track);
    }

    /// The host's track goes; `false` if it was not there.
    pub fn unpublish(&self, stream: &StreamId, track: &TrackId) -> bool {
        self.rooms.lock().get_mut(stream).is_some_and(|tracks| tracks.remove(track))
    }

    /// The process dies; a new one knows of no room.
    pub fn crash(&self) {
        self.rooms.lock().clear();
    }

    /// The host's tracks; `None` without a room.
    pub fn tracks(&self, stream: &StreamId) -> Option<BTreeSet<TrackId>> {
        self.rooms.lock().get(stream).cloned()
    }

    /// All rooms, as nobody but the test sees them.
    pub fn all(&self) -> Vec<StreamId> {
        self.rooms.lock().keys().cloned().collect()
    }
}

impl Rooms for FakeRooms {
    fn open<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.trouble.strike().await.on(|| {
                self.rooms.lock().entry(stream.clone()).or_default();
                Ok(())
            })
        })
    }

    fn close<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            self.trouble.strike().await.on(|| {
                self.rooms.lock().remove(stream);
                Ok(())
            })
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<RoomSeen>, ProviderError>> {
        Box::pin(async move {
            let rooms = || Ok(self.rooms.lock().keys().map(|stream| RoomSeen { stream: stream.clone() }).collect());
            self.trouble.strike().await.on(rooms)
        })
    }

    fn host_tracks<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<TrackId>>, ProviderError>> {
        Box::pin(async move { self.trouble.strike().await.on(|| Ok(self.rooms.lock().get(stream).cloned())) })
    }
}
