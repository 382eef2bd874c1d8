//! One stream's bridge, and what it sends to.

use backstage_actors::ports::{Clock, Ids};
use backstage_core::{BroadcastId, StreamId};
use backstage_media::bridge::{
    AddError, Bridge, BridgeSettings, BridgeState, BridgeStatus, DestinationSettings, DestinationState, SizeChange,
};
use backstage_media::participant::{Picture, Preference, Subscriber, SubscriberSettings};
use backstage_media::rtmp::{StreamKey, Target};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::CrewSettings;
use super::tokens::RoomTokens;
use crate::adapters::livekit::HOST_PREFIX;
use crate::adapters::mux::{Mux, MuxError};

/// The destination that is the live stream at the HLS provider.
const PROVIDER: &str = "hls";
/// Between two questions for a key that did not come.
const KEY_AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub struct Show {
    /// Taken when it stops.
    bridge: tokio::sync::RwLock<Option<Bridge>>,
    runtime: Handle,
    mux: Mux,
    ingest_url: String,
    size_change: SizeChange,
    sending: Mutex<Sending>,
}

#[derive(Default)]
struct Sending {
    to: Option<BroadcastId>,
    /// Fetches the key.
    fetching: Option<AbortHandle>,
    refused: bool,
}

impl Show {
    /// Joins the stream's room, and records into `folder`.
    pub fn start(runtime: Handle, settings: &CrewSettings, stream: &StreamId, folder: Option<PathBuf>) -> Show {
        let tokens = RoomTokens {
            tokens: settings.tokens.clone(),
            stream: stream.clone(),
            clock: settings.clock.clone() as Arc<dyn Clock>,
            ids: settings.ids.clone() as Arc<dyn Ids>,
        };
        let wanted = Preference { identity_prefix: HOST_PREFIX.into(), picture: Picture::default() };
        let bridge = {
            let _on_media_threads = runtime.enter();
            let source = Subscriber::start(SubscriberSettings::new(wanted), Arc::new(tokens));
            let ffmpeg = settings.ffmpeg.clone();
            Bridge::start(BridgeSettings { recording: folder, ffmpeg, ..BridgeSettings::default() }, source)
        };
        Show {
            bridge: tokio::sync::RwLock::new(Some(bridge)),
            runtime,
            mux: settings.mux.clone(),
            ingest_url: settings.ingest_url.clone(),
            size_change: if settings.own_origin { SizeChange::Announce } else { SizeChange::Reconnect },
            sending: Mutex::default(),
        }
    }

    /// How it is. Without a bridge (it is about to stop): ended.
    pub fn status(&self) -> BridgeStatus {
        let held = self.bridge.try_read().ok();
        let status = held.as_ref().and_then(|bridge| bridge.as_ref()).map(Bridge::status);
        status.unwrap_or_else(|| BridgeStatus { state: BridgeState::Ended, ..BridgeStatus::default() })
    }

    /// Whether it listens to the room.
    pub fn works(&self) -> bool {
        self.status().state != BridgeState::Ended
    }

    /// Whether it sends to the provider, or tries to.
    pub fn sends(&self) -> bool {
        let sending = self.sending.lock();
        if sending.to.is_none() || sending.refused {
            return false;
        }
        let status = self.status();
        let failed = |state| matches!(state, DestinationState::Failed | DestinationState::Ended);
        status.state != BridgeState::Ended
            && !status.destinations.iter().any(|one| one.id == PROVIDER && failed(one.state))
    }

    /// Sends to this broadcast; the key is fetched behind, for as long as it takes.
    pub async fn send_to(self: &Arc<Self>, broadcast: &BroadcastId) {
        if self.sends() && self.sending.lock().to.as_ref() == Some(broadcast) {
            return;
        }
        self.send_no_more().await;
        let show = Arc::downgrade(self);
        let id = broadcast.clone();
        let mux = self.mux.clone();
        let fetching = self.runtime.spawn(async move {
            let key = loop {
                match mux.live_stream(id.as_str()).await {
                    Ok(live) => break Some(live.stream_key),
                    Err(error @ (MuxError::TryAgain(_) | MuxError::Unsure(_))) => {
                        tracing::warn!(broadcast = %id, %error, "the key of the live stream is not known yet");
                        tokio::time::sleep(KEY_AGAIN).await;
                    }
                    Err(error) => {
                        tracing::error!(broadcast = %id, %error, "there is no key for the live stream");
                        break None;
                    }
                }
            };
            let Some(show) = show.upgrade() else { return };
            let added = match key {
                Some(key) => show.add(StreamKey::new(key.expose())).await,
                None => false,
            };
            show.sending.lock().refused = !added;
        });
        let mut sending = self.sending.lock();
        *sending = Sending { to: Some(broadcast.clone()), fetching: Some(fetching.abort_handle()), refused: false };
    }

    async fn add(&self, key: StreamKey) -> bool {
        let target = match Target::with_key(&self.ingest_url, key) {
            Ok(target) => target,
            Err(error) => {
                tracing::error!(%error, "mux.ingest_url cannot be published to");
                return false;
            }
        };
        match self.bridge.read().await.as_ref() {
            Some(bridge) => match bridge.add(DestinationSettings::new(PROVIDER, target, self.size_change)).await {
                Ok(()) | Err(AddError::Duplicate) => true,
                Err(AddError::TooMany | AddError::Ended) => false,
            },
            None => false,
        }
    }

    /// Sends to the provider no more; the room is still listened to.
    pub async fn send_no_more(&self) {
        let before = std::mem::take(&mut *self.sending.lock());
        if let Some(fetching) = before.fetching {
            fetching.abort();
        }
        if let Some(bridge) = self.bridge.read().await.as_ref() {
            bridge.remove(PROVIDER).await;
        }
    }

    /// Leaves the room; what was received is written and sent, for some seconds at most.
    pub async fn stop(&self) {
        if let Some(fetching) = self.sending.lock().fetching.take() {
            fetching.abort();
        }
        let bridge = self.bridge.write().await.take();
        if let Some(bridge) = bridge {
            let status = bridge.stop().await;
            tracing::info!(state = ?status.state, slate_us = status.slate_us, "a bridge has stopped");
        }
    }
}
