//! Publishes files: a creator without a browser, for tests and load.

mod clip;
mod ogg;
mod player;
mod session;
mod track;

pub use clip::{AudioClip, ClipError, VideoClip};
pub use ogg::OggError;
pub use player::{OnKeyframeRequest, Programme};

use super::access::Access;
use super::error::Lost;
use super::task::Task;
use crate::frame::Kind;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Orders that may wait.
const ORDERS_MAX: usize = 16;

/// Of one publisher.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// Time-out of the join, of the media connection, and of each publishing.
    pub timeout: Duration,
}

impl Default for PublisherSettings {
    fn default() -> PublisherSettings {
        PublisherSettings { timeout: Duration::from_secs(10) }
    }
}

/// What a publisher did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublisherStats {
    /// Pictures sent.
    pub frames: u64,
    /// Of these, keyframes.
    pub keyframes: u64,
    /// Pieces of sound sent.
    pub sounds: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// How often a keyframe was asked for.
    pub keyframe_requests: u64,
}

/// A programme that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    id: u64,
    /// LiveKit's id of the picture's track.
    pub video: Option<String>,
    /// LiveKit's id of the sound's track.
    pub audio: Option<String>,
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The connection is gone; this is why.
    #[error("not in the room any more: {0}")]
    Gone(String),
    /// A programme needs pictures or sound.
    #[error("there is nothing to publish")]
    Nothing,
    /// It is not published, or not any more.
    #[error("that is not published")]
    NotPublished,
    /// The media server takes neither H.264 nor Opus, or whichever is missing.
    #[error("the media server does not take this codec")]
    Codec,
}

enum Order {
    Publish(Programme, oneshot::Sender<Result<Published, PublishError>>),
    Mute(u64, Kind, bool, oneshot::Sender<Result<(), PublishError>>),
    Unpublish(u64, oneshot::Sender<Result<(), PublishError>>),
    CutNetwork(oneshot::Sender<Result<(), PublishError>>),
    Leave(oneshot::Sender<Result<(), PublishError>>),
}

/// What handle and task share.
#[derive(Debug, Default)]
struct Shared {
    stats: Mutex<PublisherStats>,
    gone: Mutex<Option<String>>,
}

/// A participant that publishes. It does not join again by itself. Dropped, it is gone without a goodbye, as when a
/// process dies.
#[derive(Debug)]
pub struct Publisher {
    orders: mpsc::Sender<Order>,
    /// Programmes that have been played to their end.
    over: watch::Receiver<u64>,
    shared: Arc<Shared>,
    _task: Task,
}

impl Publisher {
    /// Joins the room. The token must allow to publish and must **not** allow to subscribe.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn join(access: &Access, settings: PublisherSettings) -> Result<Publisher, Lost> {
        let session = session::Session::join(access, &settings).await?;
        let (orders, listens) = mpsc::channel(ORDERS_MAX);
        let (ends, over) = watch::channel(0);
        let shared = Arc::new(Shared::default());
        let task = Task::start(session.run(listens, ends, shared.clone()));
        Ok(Publisher { orders, over, shared, _task: task })
    }

    /// Publishes a programme beside those that are; returns when its first frame is due. Picture and sound begin at the
    /// same moment.
    ///
    /// # Errors
    /// When the server does not take it in time.
    pub async fn publish(&self, programme: Programme) -> Result<Published, PublishError> {
        self.order(|reply| Order::Publish(programme, reply)).await
    }

    /// Stops sending one kind, and tells the server; or goes on.
    ///
    /// # Errors
    /// When that is not published.
    pub async fn mute(&self, published: &Published, kind: Kind, muted: bool) -> Result<(), PublishError> {
        self.order(|reply| Order::Mute(published.id, kind, muted, reply)).await
    }

    /// Takes a programme back; others go on. Returns when the server has agreed.
    ///
    /// # Errors
    /// When it is not published.
    pub async fn unpublish(&self, published: &Published) -> Result<(), PublishError> {
        self.order(|reply| Order::Unpublish(published.id, reply)).await
    }

    /// Waits until a programme that does not repeat has been played to its end. `false` if the publisher is gone
    /// before.
    pub async fn played(&mut self, published: &Published) -> bool {
        // Ids count up; one bit each says that it is over.
        let bit = 1u64 << (published.id % 64);
        self.over.wait_for(|over| over & bit != 0).await.is_ok()
    }

    /// From now on nothing comes or goes, as with a pulled cable: the sockets stay open and silent until this is
    /// dropped.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn cut_network(&self) -> Result<(), PublishError> {
        self.order(Order::CutNetwork).await
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn leave(self) -> Result<(), PublishError> {
        self.order(Order::Leave).await
    }

    /// What it did so far.
    pub fn stats(&self) -> PublisherStats {
        self.shared.stats.lock().clone()
    }

    /// Why it is not in the room any more, once that is so.
    pub fn gone(&self) -> Option<String> {
        self.shared.gone.lock().clone()
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, PublishError>>) -> Order,
    ) -> Result<T, PublishError> {
        let gone = || PublishError::Gone(self.gone().unwrap_or_else(|| "its task ended".into()));
        if self.gone().is_some() {
            return Err(gone());
        }
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
