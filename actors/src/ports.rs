//! What the actors need of the world. Each port has one fake in [`crate::fakes`] and one or more real
//! implementations in the server's `store/` and `adapters/`.

use backstage_core::delivery::{Audience, Live};
use backstage_core::effect::{Effect, Lane, Lifecycle};
use backstage_core::machine::Kind;
use backstage_core::recording::Archive;
use backstage_core::{BroadcastId, ExperienceId, SpaceId, StreamId, TimerName, Timestamp, TrackId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub use futures_util::future::BoxFuture;

/// Now, in ms UTC. Never goes back by more than the machine's clock does.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// New ids: UUIDv7 text in production, a seeded counter in simulation.
pub trait Ids: Send + Sync + 'static {
    /// An id never given before.
    fn next(&self) -> String;
}

/// Which row an aggregate is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Kind of aggregate.
    pub kind: Kind,
    /// Its id.
    pub id: String,
}

impl Key {
    /// Names an aggregate.
    pub fn new(kind: Kind, id: impl Into<String>) -> Key {
        Key { kind, id: id.into() }
    }
}

/// An aggregate as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Grows by one with each commit, from 1.
    pub version: i64,
    /// The state as JSON.
    pub state: String,
}

/// An outbox row: an effect that waits to be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Idempotency key, never reused: `{kind}:{id}:{version}:{n}`.
    pub key: String,
    /// Where it waits.
    pub lane: Lane,
    /// Who asked for it.
    pub owner: Key,
    /// What to do.
    pub effect: Effect,
    /// How often it was tried already.
    pub attempts: u32,
    /// When it was committed.
    pub at: Timestamp,
}

/// A timer row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerRow {
    /// Whose timer.
    pub owner: Key,
    /// Which.
    pub name: TimerName,
    /// When.
    pub due_at: Timestamp,
    /// The experience and space of a stream's timer, so that its owner can be found; `None` when its row is gone.
    pub path: Option<Path>,
}

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Path {
    /// The space.
    pub space: SpaceId,
    /// The experience.
    pub experience: ExperienceId,
    /// The stream.
    pub stream: StreamId,
}

/// Something that came in from outside and must be turned into an event exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMessage {
    /// Provider and its own id of the message, as `livekit:EV_...`: what makes it unique.
    pub key: String,
    /// The message as received, already verified.
    pub body: String,
    /// When it came.
    pub at: Timestamp,
}

/// What an event settles in the same transaction as its commit.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settles {
    /// An outbox row whose outcome this is; it becomes done.
    Effect(String),
    /// An inbox message; it becomes done.
    Inbox(String),
    /// A timer that fired; the row goes, if it still has this due time.
    Timer { owner: Key, name: TimerName, due_at: Timestamp },
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Version of the aggregate after it.
    pub version: i64,
    /// When.
    pub at: Timestamp,
    /// Name, snake_case, as [`backstage_core::Machine::event_name`].
    pub event: String,
    /// Phase after it.
    pub phase: String,
    /// Who or what caused it.
    pub cause: String,
    /// The event as JSON.
    pub payload: String,
}

/// Everything one event changes, written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Which aggregate.
    pub key: Key,
    /// The version the decision was made on; 0 for a new aggregate.
    pub expected_version: i64,
    /// New state as JSON.
    pub state: String,
    /// Look-up columns: parent id, slug, phase.
    pub parent: String,
    /// See [`backstage_core::machine::Index::slug`].
    pub slug: Option<String>,
    /// See [`backstage_core::machine::Index::phase`].
    pub phase: &'static str,
    /// The event, for the timeline; its version is `expected_version + 1`.
    pub event: EventRow,
    /// Effects to perform later. Keys must be new.
    pub outbox: Vec<OutboxRow>,
    /// Timers to set (moves one that is set).
    pub timers_set: Vec<(TimerName, Timestamp)>,
    /// Timers to forget. Applied before `timers_set`.
    pub timers_cancelled: Vec<TimerName>,
    /// What this settles.
    pub settles: Option<Settles>,
    /// The stream's path, stored with its timers and outbox rows.
    pub path: Option<Path>,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else committed first: load again and decide again.
    #[error("the aggregate has changed meanwhile")]
    Conflict,
    /// The slug is taken by a sibling.
    #[error("this address is taken")]
    SlugTaken,
    /// The experience has an open stream already (INV-01, the store's own fence).
    #[error("the experience has an open stream already")]
    OpenStreamExists,
    /// What the commit would settle is settled already: it is a repetition, nothing was written.
    #[error("settled already")]
    AlreadySettled,
    /// The store cannot be reached or is broken; try again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
}

/// How an effect went.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// Done; nothing more to say.
    Done,
    /// Try again at the given time.
    Retry { at: Timestamp, error: String },
    /// Given up; kept with its error in the dead letters.
    Dead { error: String },
}

/// An open stream as the reconciler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStream {
    /// Where it is.
    pub path: Path,
    /// Its phase as a word.
    pub phase: String,
}

/// The durable truth. One contract suite holds Memory, SQLite and Postgres to the same behaviour.
///
/// Every method may fail with [`StoreError::Unavailable`].
pub trait Store: Send + Sync + 'static {
    /// The aggregate, or `None`.
    fn load<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>>;
    /// Writes everything of `commit` or nothing. Errors, first that applies: `AlreadySettled`, `Conflict`
    /// (version differs), `OpenStreamExists`, `SlugTaken` (same kind, same parent and slug; spaces: same slug anywhere).
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Settles without a state change: the event was refused or changed nothing. Settled already is fine.
    fn settle(&self, settles: Settles) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Takes up to `limit` effects of a lane that are due, oldest first, and hides them from others until
    /// `now + lease_ms`. An effect waits while an older one of the same owner in the same lane is not done (order).
    fn claim_effects(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_ms: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>>;
    /// Ends every lease and wait of a lane: all its effects can be claimed at `now`. Called when a process starts, since
    /// what its predecessor had claimed died with it. Where another process is at work, its effects may be performed
    /// twice, which at least once allows.
    fn release_effects(&self, lane: Lane, now: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Reports on a claimed effect. A row that is done already stays done.
    fn performed(&self, key: &str, outcome: Performed) -> BoxFuture<'_, Result<(), StoreError>>;
    /// When the next effect of a lane can be claimed (a leased one: when its lease ends), if any waits. Effects that wait
    /// for an older one of their owner do not count.
    fn next_effect_at(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;
    /// Timers due at `now`, oldest first, up to `limit`. They stay until settled.
    fn due_timers(&self, now: Timestamp, limit: u32) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>>;
    /// When the next timer is due.
    fn next_timer_at(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;
    /// Stores a message; `false` if one with this key is there already.
    fn receive(&self, message: InboxMessage) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// Messages not settled yet whose keys begin with `prefix`, oldest first, up to `limit`.
    fn unsettled_inbox(&self, prefix: &'static str, limit: u32)
    -> BoxFuture<'_, Result<Vec<InboxMessage>, StoreError>>;
    /// Streams in an open phase or `ended` (not archived yet).
    fn open_streams(&self) -> BoxFuture<'_, Result<Vec<OpenStream>, StoreError>>;
    /// Where a stream stands; `None` if there is no such stream.
    fn path(&self, stream: &StreamId) -> BoxFuture<'_, Result<Option<Path>, StoreError>>;
    /// Timers of one aggregate, by name.
    fn timers(&self, owner: &Key) -> BoxFuture<'_, Result<Vec<TimerName>, StoreError>>;
    /// The timeline of an aggregate after `version`, oldest first, up to `limit`.
    fn events(&self, key: &Key, after_version: i64, limit: u32) -> BoxFuture<'_, Result<Vec<EventRow>, StoreError>>;
    /// Outbox rows waiting and dead, per lane, and the age of the oldest waiting one, for metrics.
    fn outbox_backlog(&self) -> BoxFuture<'_, Result<Vec<Backlog>, StoreError>>;
}

/// How much waits in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The lane.
    pub lane: Lane,
    /// Rows not performed yet.
    pub waiting: u64,
    /// Rows given up.
    pub dead: u64,
    /// When the oldest waiting row was committed.
    pub oldest_at: Option<Timestamp>,
}

/// A call to a provider failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// May go through later: time-out, refused connection, 5xx, 429.
    #[error("not now: {0}")]
    TryAgain(String),
    /// Will never go through as it is.
    #[error("refused: {0}")]
    Final(String),
}

/// A media room as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSeen {
    /// The stream it belongs to; rooms of other installations are never listed.
    pub stream: StreamId,
}

/// The media server: rooms named after streams. Every call has its own time-out and is safe to repeat.
pub trait Rooms: Send + Sync + 'static {
    /// Makes the room unless it is there.
    fn open<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// Removes the room and everybody in it; none there is fine.
    fn close<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// All rooms of this installation.
    fn list(&self) -> BoxFuture<'_, Result<Vec<RoomSeen>, ProviderError>>;
    /// Tracks that the stream's host publishes now; `None` if there is no room.
    fn host_tracks<'a>(
        &'a self,
        stream: &'a StreamId,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<TrackId>>, ProviderError>>;
}

/// How a bridge or a recorder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSeen {
    /// There is none, or it gave up.
    Missing,
    /// It is there and tries.
    Working,
}

/// Bridges: from a stream's room to its live stream at the HLS provider. Every call has its own time-out and is safe to
/// repeat.
pub trait Bridges: Send + Sync + 'static {
    /// Sets up the bridge unless it is there. `Ok` once it is set up and tries by itself: that keys must be fetched, a room
    /// joined or a connection made is no reason to wait, since the stream's other wishes wait behind this one.
    fn start<'a>(&'a self, path: &'a Path, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// Stops it and waits until it no longer sends; none there is fine.
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// How it is now.
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>>;
    /// Streams that have a bridge of this installation.
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>>;
}

/// What the provider says of a live stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It does not have it, or it is complete.
    Gone,
    /// Nothing that can be played yet, or the sender is gone.
    Idle,
    /// It can be played; the number of the newest segment or part, which grows.
    Active {
        /// Grows with each segment or part.
        sequence: u64,
    },
}

/// A live stream that the provider holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastSeen {
    /// The provider's id.
    pub id: BroadcastId,
    /// The stream it was made for.
    pub stream: StreamId,
}

/// The HLS provider (Mux, or the embedded origin): one live stream per stream. Every call has its own time-out and is safe
/// to repeat.
pub trait Broadcasts: Send + Sync + 'static {
    /// Makes the live stream, or finds the one made for this stream before. The provider waits `grace_ms` for a bridge
    /// that dropped.
    fn create<'a>(&'a self, path: &'a Path, grace_ms: i64) -> BoxFuture<'a, Result<Live, ProviderError>>;
    /// Completes it; one that is complete or gone is fine.
    fn complete<'a>(&'a self, id: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// How far its playlist is. Asked about once a second while the bridge is on, so it reads the playlist and not the
    /// provider's rate-limited API.
    fn progress<'a>(&'a self, live: &'a Live) -> BoxFuture<'a, Result<Progress, ProviderError>>;
    /// Live streams of this installation that are not complete.
    fn list(&self) -> BoxFuture<'_, Result<Vec<BroadcastSeen>, ProviderError>>;
}

/// How far an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archiving {
    /// It goes on; ask again.
    Going,
    /// It is in the object storage, complete and readable.
    Done(Archive),
}

/// Recorders and the archive. Every call has its own time-out and is safe to repeat.
pub trait Recordings: Send + Sync + 'static {
    /// Sets up the recorder unless it is there; `Ok` once it is set up and tries by itself. What an earlier recorder of
    /// this stream wrote is continued, not overwritten.
    fn start<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), ProviderError>>;
    /// Stops it and closes its file; says whether anything was recorded. None there is fine.
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<bool, ProviderError>>;
    /// How it is now.
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>>;
    /// Streams that have a recorder of this installation.
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>>;
    /// Brings the closed recording to the object storage, in the background; asked again until it is done. On `Final` the
    /// file stays where it is.
    fn archive<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Archiving, ProviderError>>;
}

/// Who watches, by what they see. Answers from memory.
pub trait Audiences: Send + Sync + 'static {
    /// Counts the people of one stream's experience; `None` when this node knows nothing of it.
    fn count(&self, path: &Path) -> Option<Audience>;
}

/// The event spine (MQTT). Called at least once per event, in order per experience; `key` identifies repetitions.
pub trait Spine: Send + Sync + 'static {
    /// Hands the event over; `Ok` once the broker has confirmed it.
    fn publish<'a>(&'a self, key: &'a str, event: &'a Lifecycle) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// News of a commit, told to this node's browsers. Must not block and must not fail.
#[derive(Debug, Clone)]
pub struct News {
    /// What changed.
    pub key: Key,
    /// Its version now.
    pub version: i64,
    /// Its state now, as JSON: what [`Store::load`] would give.
    pub state: std::sync::Arc<str>,
    /// The event that changed it.
    pub event: EventRow,
    /// Where, when it is a stream.
    pub path: Option<Path>,
}

/// Told after each commit, in order per aggregate.
pub trait Announcer: Send + Sync + 'static {
    /// Takes the news; returns at once.
    fn announce(&self, news: News);
}

/// Counts for operators. All methods must be cheap.
pub trait Gauge: Send + Sync + 'static {
    /// A stream went from one phase to another (`None`: it is new).
    fn phase_changed(&self, from: Option<&str>, to: &str, cause: &str);
    /// An actor was rebuilt after a panic.
    fn actor_restarted(&self, kind: &str);
    /// A child failed too often and its parent gave up on it.
    fn actor_escalated(&self, kind: &str);
    /// An effect was performed: `done`, `retry` or `dead`.
    fn effect(&self, lane: &str, outcome: &str);
    /// The sweep found something that no webhook had told: `media`, `room_missing`, `room_stray`, `bridge_lost`,
    /// `bridge_stray`, `recorder_lost`, `recorder_stray`, `broadcast_lost`, `broadcast_stray`, `playlist_stalled`.
    fn reconciled(&self, what: &str);
    /// A sweep looked at this many open streams and took so long.
    fn swept(&self, streams: usize, took_ms: i64);
    /// Events in the mailboxes of one kind of owner, or being decided, when one was handed over.
    fn mailbox_depth(&self, kind: &str, depth: usize);
}
