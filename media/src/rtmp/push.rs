//! Publishing to an RTMP or RTMPS server: [`Push::connect`], then tags, then [`Push::finish`]. One connection, no
//! retries: who pushes decides when to try again.

mod drive;
mod error;
mod target;
#[cfg(test)]
mod tests;

pub use error::PushError;
pub use target::Target;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::chunk::MESSAGE_BYTES_MAX;
use crate::flv::Tag;

/// Limits of one connection.
#[derive(Debug, Clone)]
pub struct PushOptions {
    /// From the beginning until the server lets us publish.
    pub connect: Duration,
    /// For what is due to be taken by the network. A server that reads nothing for so long has failed.
    pub write: Duration,
    /// Tags that may wait to be sent.
    pub queue_tags_max: usize,
    /// What they may hold together, bytes; at least one tag of [`MESSAGE_BYTES_MAX`] always fits.
    pub queue_bytes_max: usize,
    /// Whom to trust for RTMPS; by default the authorities that Mozilla trusts.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Default for PushOptions {
    fn default() -> PushOptions {
        PushOptions {
            connect: Duration::from_secs(10),
            write: Duration::from_secs(10),
            queue_tags_max: 512,
            queue_bytes_max: 8 * 1024 * 1024,
            tls: None,
        }
    }
}

/// What has been handed to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Tags.
    pub tags: u64,
    /// Bytes, with everything that the protocol adds.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    tags: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn sent(&self) -> Sent {
        Sent { tags: self.tags.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// A tag that waits, and the room it takes.
#[derive(Debug)]
struct Queued {
    tag: Tag,
    _room: OwnedSemaphorePermit,
}

/// A connection that publishes. Dropping it ends the connection without a word.
#[derive(Debug)]
pub struct Push {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
    failure: Arc<Mutex<Option<PushError>>>,
    /// The one task that owns the connection.
    task: JoinSet<()>,
}

impl Push {
    /// Connects and waits until the server lets us publish.
    ///
    /// # Errors
    /// [`PushError::Refused`] with the server's words; everything else as it says. Waits for
    /// [`PushOptions::connect`] at most.
    pub async fn connect(target: &Target, options: PushOptions) -> Result<Push, PushError> {
        let publishing = async {
            let io = target.open(options.tls.clone()).await?;
            drive::publish(io, target).await
        };
        let opened = tokio::time::timeout(options.connect, publishing).await;
        Ok(Push::start(opened.map_err(|_| PushError::TimedOut("connecting"))??, options))
    }

    /// The same over a byte stream that is there already.
    ///
    /// # Errors
    /// As [`Push::connect`].
    pub async fn over<S>(io: S, target: &Target, options: PushOptions) -> Result<Push, PushError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let opened = tokio::time::timeout(options.connect, drive::publish(io, target)).await;
        Ok(Push::start(opened.map_err(|_| PushError::TimedOut("connecting"))??, options))
    }

    fn start<S>(mut open: drive::Open<S>, options: PushOptions) -> Push
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (queue, mut waiting) = mpsc::channel(options.queue_tags_max.max(1));
        let bytes = options.queue_bytes_max.clamp(MESSAGE_BYTES_MAX, Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(bytes));
        let counters = Arc::new(Counters::default());
        let failure = Arc::new(Mutex::new(None));
        let mut task = JoinSet::new();
        let (room_of_task, counted, failed) = (room.clone(), counters.clone(), failure.clone());
        task.spawn(async move {
            let ended = drive::drive(&mut open, &mut waiting, options.write, &counted).await;
            // First the cause, then the end: who waits finds the cause.
            *failed.lock() = ended.err();
            room_of_task.close();
        });
        Push { queue, room, counters, failure, task }
    }

    /// Queues a tag; waits while the queue is full.
    ///
    /// # Errors
    /// The failure that ended the connection, or [`PushError::TooLarge`].
    pub async fn send(&self, tag: Tag) -> Result<(), PushError> {
        let room = self.room.clone().acquire_many_owned(size(&tag)?).await.map_err(|_| self.failed())?;
        self.queue.send(Queued { tag, _room: room }).await.map_err(|_| self.failed())
    }

    /// Queues a tag if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] when there is none; else as [`Push::send`].
    pub fn try_send(&self, tag: Tag) -> Result<(), PushError> {
        let room = self.room.clone().try_acquire_many_owned(size(&tag)?).map_err(|error| match error {
            tokio::sync::TryAcquireError::NoPermits => PushError::Full,
            tokio::sync::TryAcquireError::Closed => self.failed(),
        })?;
        self.queue.try_send(Queued { tag, _room: room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PushError::Full,
            mpsc::error::TrySendError::Closed(_) => self.failed(),
        })
    }

    /// What the network has taken so far.
    pub fn sent(&self) -> Sent {
        self.counters.sent()
    }

    /// Waits until the connection has failed; for a `select!` beside the source of tags. May be dropped.
    pub async fn failure(&mut self) -> PushError {
        if let Some(Err(error)) = self.task.join_next().await {
            tracing::error!(%error, "rtmp: a push failed");
        }
        self.failed()
    }

    /// Sends what is queued, says goodbye and closes.
    ///
    /// # Errors
    /// The failure that ended the connection before that.
    pub async fn finish(self) -> Result<Sent, PushError> {
        let Push { queue, counters, failure, mut task, .. } = self;
        drop(queue);
        if let Some(Err(error)) = task.join_next().await {
            tracing::error!(%error, "rtmp: a push failed");
            return Err(PushError::Closed);
        }
        match failure.lock().take() {
            Some(failure) => Err(failure),
            None => Ok(counters.sent()),
        }
    }

    fn failed(&self) -> PushError {
        self.failure.lock().clone().unwrap_or(PushError::Closed)
    }
}

/// The room that a tag takes.
fn size(tag: &Tag) -> Result<u32, PushError> {
    match tag.body.len() {
        bytes if bytes > MESSAGE_BYTES_MAX => Err(PushError::TooLarge(bytes)),
        bytes => Ok(bytes as u32),
    }
}
