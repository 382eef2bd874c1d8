//! One stream's egress: a loop that looks at it, starts it when a host publishes, and gives it up when it fails.

use super::Shared;
use super::calls::{CallError, Order};
use super::seen::{self, Standing};
use crate::adapters::livekit::HOST_PREFIX;
use backstage_actors::keep::Kept;
use backstage_actors::ports::ProviderError;
use backstage_core::{BroadcastId, StreamId};
use backstage_media::rtmp::StreamKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How often a start is tried before it is given up.
pub const TRIES_MAX: u32 = 3;
/// How often an egress that ends while the host publishes is started in a row.
pub const STARTS_MAX: u32 = 4;
/// One that sent for this long was well: what comes next is not "in a row".
const STEADY: Duration = Duration::from_secs(30);
/// How long LiveKit may take to list what it started.
const LISTED_MAX: Duration = Duration::from_secs(10);

/// See the module. Dropped, it looks no more; what sends goes on.
pub struct Feed {
    broadcast: BroadcastId,
    gave_up: Arc<AtomicBool>,
    _kept: Kept,
}

impl Feed {
    /// Begins to look.
    pub fn start(shared: Arc<Shared>, stream: &StreamId, broadcast: &BroadcastId) -> Feed {
        let gave_up = Arc::new(AtomicBool::new(false));
        let (stream, id, told) = (stream.clone(), broadcast.clone(), gave_up.clone());
        let kept = Kept::start("egress", shared.settings.gauge.clone(), move || {
            let following = Following {
                shared: shared.clone(),
                stream: stream.clone(),
                broadcast: id.clone(),
                key: None,
                current: None,
                failure: None,
                tries: 0,
                starts: 0,
            };
            following.run(told.clone())
        });
        Feed { broadcast: broadcast.clone(), gave_up, _kept: kept }
    }

    /// What it sends to.
    pub fn broadcast(&self) -> &BroadcastId {
        &self.broadcast
    }

    /// Whether it sends or tries to.
    pub fn works(&self) -> bool {
        !self.gave_up.load(Ordering::Relaxed)
    }
}

/// The egress that is followed.
struct Current {
    id: String,
    since: Instant,
}

struct Following {
    shared: Arc<Shared>,
    stream: StreamId,
    broadcast: BroadcastId,
    key: Option<StreamKey>,
    current: Option<Current>,
    /// Why the last one ended, if it should not have.
    failure: Option<String>,
    /// Starts in a row that brought nothing.
    tries: u32,
    /// Starts in a row, each ended soon.
    starts: u32,
}

impl Following {
    async fn run(mut self, gave_up: Arc<AtomicBool>) {
        let mut said = String::new();
        loop {
            match self.look().await {
                Ok(()) => said.clear(),
                Err(CallError::Other(ProviderError::Final(words))) => {
                    self.give_up(&words, &gave_up);
                    return;
                }
                Err(CallError::NoEgress(words)) if self.tries + 1 >= TRIES_MAX => {
                    self.give_up(words, &gave_up);
                    return;
                }
                Err(error) => {
                    self.tries += u32::from(matches!(error, CallError::NoEgress(_)));
                    let words = self.veiled(&error.to_string());
                    if said != words {
                        tracing::warn!(stream = %self.stream, error = words, "the egress is tried again");
                        said = words;
                    }
                }
            }
            tokio::time::sleep(self.shared.settings.look_every).await;
        }
    }

    fn give_up(&self, words: &str, gave_up: &AtomicBool) {
        let error = self.veiled(words);
        tracing::error!(stream = %self.stream, error, "the egress is given up; viewers stay on WebRTC or go back to it");
        gave_up.store(true, Ordering::Relaxed);
    }

    /// One look. `Final`: it is given up; after anything else the next one may bring more.
    async fn look(&mut self) -> Result<(), CallError> {
        if self.still_goes().await? || self.adopts().await? {
            return Ok(());
        }
        let Some(host) = self.host().await? else {
            // It ended because the host had gone, whatever it says.
            self.failure = None;
            return Ok(());
        };
        if let Some(why) = self.failure.take() {
            return Err(ProviderError::Final(format!("the egress failed: {why}")).into());
        }
        if self.starts >= STARTS_MAX {
            return Err(ProviderError::Final(format!("the egress ended {STARTS_MAX} times in a row")).into());
        }
        self.begin(&host).await
    }

    /// Whether the egress that is followed need not be replaced.
    async fn still_goes(&mut self) -> Result<bool, CallError> {
        let Some(current) = &self.current else { return Ok(false) };
        let seen = self.shared.calls.one(&current.id).await?;
        let goes = match seen.as_ref().map(seen::standing) {
            Some(Standing::Runs | Standing::Ends) => true,
            // What was just started may not be listed yet.
            None => current.since.elapsed() < LISTED_MAX,
            Some(Standing::Over) => false,
            Some(Standing::Failed(why)) => {
                self.failure = Some(why);
                false
            }
        };
        if goes && seen.is_some_and(|info| seen::is_active(&info)) && current.since.elapsed() >= STEADY {
            self.starts = 0;
        }
        if !goes {
            tracing::info!(stream = %self.stream, egress = current.id, "an egress has ended");
            self.current = None;
        }
        Ok(goes)
    }

    /// Whether one is there already, from before a restart or since an answer was lost. What else of ours is in the room
    /// (for a broadcast that is gone, or a second one) is stopped.
    async fn adopts(&mut self) -> Result<bool, CallError> {
        let key = self.key().await?;
        let room = self.shared.names.of(&self.stream);
        let mut seen = self.shared.ours(&room).await?;
        seen.retain(|info| seen::standing(info) == Standing::Runs);
        seen.sort_by_key(|info| (!seen::is_active(info), info.started_at));
        let ingest_url = &self.shared.settings.ingest_url;
        let at = seen.iter().position(|info| seen::publishes_with(info, ingest_url, &key));
        let found = at.map(|at| seen.remove(at));
        for stray in seen {
            tracing::info!(stream = %self.stream, egress = stray.egress_id, "an egress that nobody wants is stopped");
            self.shared.stop(&stray.egress_id).await?;
        }
        let Some(found) = found else { return Ok(false) };
        tracing::info!(stream = %self.stream, egress = found.egress_id, "an egress was found");
        self.current = Some(Current { id: found.egress_id, since: Instant::now() });
        self.failure = None;
        Ok(true)
    }

    async fn key(&mut self) -> Result<StreamKey, ProviderError> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let key = self.shared.settings.keys.key(&self.broadcast).await?;
        self.key = Some(key.clone());
        Ok(key)
    }

    /// A host who publishes, if there is one. An egress of somebody who does not would wait half a minute and fail.
    async fn host(&self) -> Result<Option<String>, ProviderError> {
        let inside = self.shared.rooms.participants(&self.stream).await?.unwrap_or_default();
        let publishing =
            inside.into_iter().filter(|one| one.identity.starts_with(HOST_PREFIX) && !one.tracks.is_empty());
        Ok(publishing.map(|host| host.identity).min())
    }

    async fn begin(&mut self, host: &str) -> Result<(), CallError> {
        let (key, settings) = (self.key().await?, &self.shared.settings);
        let order = Order {
            room: &self.shared.names.of(&self.stream),
            identity: host,
            address: format!("{}/{}", settings.ingest_url, key.reveal()),
            file: settings.file.clone(),
        };
        match self.shared.calls.start(order).await {
            Ok(info) => {
                tracing::info!(stream = %self.stream, egress = info.egress_id, "an egress was started");
                self.current = Some(Current { id: info.egress_id, since: Instant::now() });
                self.starts += 1;
                self.tries = 0;
                Ok(())
            }
            Err(CallError::Other(ProviderError::TryAgain(words))) => {
                self.tries += 1;
                Err(CallError::Other(match self.tries >= TRIES_MAX {
                    true => ProviderError::Final(words),
                    false => ProviderError::TryAgain(words),
                }))
            }
            Err(error) => Err(error),
        }
    }

    fn veiled(&self, words: &str) -> String {
        self.key.as_ref().map_or_else(|| words.to_owned(), |key| key.redact(words))
    }
}
