//! Turns stored webhooks into events, oldest first. Begins with what an earlier run left.

use super::livekit::{AGE_MS_MAX, Hint, KEY_PREFIX, LiveKitDoor, Says, read};
use backstage_actors::keep::Kept;
use backstage_actors::ports::{InboxMessage, Path, Rooms, Settles, StoreError};
use backstage_actors::{Refusal, Stage};
use backstage_core::stream::StreamEvent;
use livekit_protocol::WebhookEvent;
use std::sync::Arc;
use std::time::Duration;

/// Messages taken from the inbox at a time.
const BATCH_MAX: u32 = 64;
/// How long to wait after a failure, and for messages that another node stored, ms.
const AGAIN_MS: u64 = 500;
const POLL_MS: u64 = 30_000;

/// What the worker needs besides the door.
#[derive(Clone)]
pub struct WorkerPorts {
    /// The door whose messages it works on.
    pub door: Arc<LiveKitDoor>,
    /// Where events go.
    pub stage: Stage,
    /// Asked whether a finished room is really gone.
    pub rooms: Arc<dyn Rooms>,
}

/// The running worker; stops when dropped.
pub struct Worker {
    _loop: Kept,
}

/// What came of a message.
enum Done {
    /// Its event settled it.
    Settled(&'static str),
    /// It still has to be settled.
    Settle(&'static str),
    /// Not now.
    Later,
}

impl Worker {
    /// Starts it. Call it inside an actix system.
    pub fn start(ports: WorkerPorts) -> Worker {
        let gauge = ports.door.metrics.clone();
        let work = move || {
            let ports = ports.clone();
            async move { ports.work().await }
        };
        Worker { _loop: Kept::start("webhooks", gauge, work) }
    }
}

impl WorkerPorts {
    async fn work(&self) {
        loop {
            let all_done = match self.drain().await {
                Ok(all_done) => all_done,
                Err(error) => {
                    tracing::warn!(%error, "the inbox cannot be read; trying again");
                    false
                }
            };
            let wait_ms = if all_done { POLL_MS } else { AGAIN_MS };
            let _ = tokio::time::timeout(Duration::from_millis(wait_ms), self.door.bell.notified()).await;
        }
    }

    /// Works through the inbox once; `false` if something has to wait.
    pub async fn drain(&self) -> Result<bool, StoreError> {
        loop {
            let messages = self.door.store.unsettled_inbox(KEY_PREFIX, BATCH_MAX).await?;
            let (count, mut waiting) = (messages.len(), false);
            for message in messages {
                match self.handle(&message).await {
                    Done::Settled(outcome) => self.door.metrics.webhook("livekit", outcome),
                    Done::Settle(outcome) => {
                        self.door.store.settle(Settles::Inbox(message.key.clone())).await?;
                        self.door.metrics.webhook("livekit", outcome);
                    }
                    Done::Later => waiting = true,
                }
            }
            if waiting || count < BATCH_MAX as usize {
                return Ok(!waiting);
            }
        }
    }

    async fn handle(&self, message: &InboxMessage) -> Done {
        // Too old to be true; also keeps messages that can never be applied from filling the inbox.
        if self.door.clock.now().since_ms(message.at) > AGE_MS_MAX {
            return Done::Settle("expired");
        }
        let hint =
            serde_json::from_str::<WebhookEvent>(&message.body).ok().and_then(|event| read(&event, &self.door.names));
        let Some(Hint { stream, says }) = hint else { return Done::Settle("ignored") };
        let path = match self.door.store.path(&stream).await {
            Ok(Some(path)) => path,
            Ok(None) => return Done::Settle("ignored"),
            Err(_) => return Done::Later,
        };
        match says {
            Says::Published(track) => self.tell(&path, StreamEvent::MediaArrived { track }, message).await,
            Says::Unpublished(track) => self.tell(&path, StreamEvent::MediaLost { track }, message).await,
            Says::HostLeft(mut tracks) => {
                let Some(last) = tracks.pop() else {
                    // It does not say which tracks went with the host: look.
                    self.stage.observe(&path).await;
                    return Done::Settle("applied");
                };
                for track in tracks {
                    if let Err(Refusal::Unavailable(_)) =
                        self.stage.stream(&path, StreamEvent::MediaLost { track }, None).await
                    {
                        return Done::Later;
                    }
                }
                self.tell(&path, StreamEvent::MediaLost { track: last }, message).await
            }
            // A room of the same name may have been opened since.
            Says::RoomFinished => match self.rooms.host_tracks(&path.stream).await {
                Ok(None) => self.tell(&path, StreamEvent::RoomClosed, message).await,
                Ok(Some(_)) => Done::Settle("refused"),
                Err(_) => Done::Later,
            },
        }
    }

    async fn tell(&self, path: &Path, event: StreamEvent, message: &InboxMessage) -> Done {
        let settles = Some(Settles::Inbox(message.key.clone()));
        match self.stage.stream(path, event, settles).await {
            Ok(_) => Done::Settled("applied"),
            Err(Refusal::AlreadySettled) => Done::Settled("refused"),
            Err(Refusal::Rejected(_) | Refusal::SlugTaken) => Done::Settle("refused"),
            Err(Refusal::Unavailable(error)) => {
                tracing::warn!(stream = %path.stream, error, "a webhook waits");
                Done::Later
            }
        }
    }
}
