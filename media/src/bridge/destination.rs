//! One RTMP(S) target: connects, sends, and comes back when something breaks. Destinations know nothing of each other.
//!
//! | state | means | next |
//! |---|---|---|
//! | `Idle` | there is nothing to send yet | `Starting` |
//! | `Starting` | connecting | `Live`, `Retrying`, `Failed` |
//! | `Live` | the server takes what is sent | `Retrying`, `Ended` |
//! | `Retrying` | something broke; waits, then `Starting` again | `Starting` |
//! | `Failed` | refused, or an address that is none: not tried again | |
//! | `Ended` | the show is over, or it was taken away | |
//!
//! A server that refuses the first time is final. One that took the stream before and refuses it then often has not
//! noticed yet that the old connection is gone, so it is asked again, [`REFUSALS_MAX`] times.

mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::tide::Reader;
use crate::rtmp::{PushError, PushOptions, Target};
use session::{End, Session};

/// The first wait after a failure; doubled each time.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A connection that lasted this long was a good one: waits begin anew.
const GOOD_AFTER: Duration = Duration::from_secs(30);
/// Refusals in a row by a server that took the stream before.
const REFUSALS_MAX: u32 = 8;
/// Of the last error's words, characters.
const WORDS_MAX: usize = 300;

/// What a destination does when the picture's size changes (docs/adr/0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizeChange {
    /// Ends the connection and makes another: what every server understands. Costs about a second there.
    #[default]
    Reconnect,
    /// Tells the new format within the connection: for our own origin, which makes a discontinuity of it.
    Announce,
}

/// Where to send to.
#[derive(Debug, Clone)]
pub struct DestinationSettings {
    /// Names it among the others.
    pub id: String,
    /// Server, application and key.
    pub target: Target,
    /// Another size of picture.
    pub size_change: SizeChange,
    /// Of the connection.
    pub push: PushOptions,
    /// Of the sound, bits a second.
    pub sound_bps: u32,
}

impl DestinationSettings {
    /// With the usual limits.
    pub fn new(id: impl Into<String>, target: Target, size_change: SizeChange) -> DestinationSettings {
        DestinationSettings { id: id.into(), target, size_change, push: PushOptions::default(), sound_bps: 128_000 }
    }
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// Nothing to send yet.
    Idle,
    /// Connecting.
    Starting,
    /// Sending.
    Live,
    /// Waiting for the next try.
    Retrying,
    /// Given up.
    Failed,
    /// Over.
    Ended,
}

/// Figures of a destination. No secret is in it.
#[derive(Debug, Clone, Serialize)]
pub struct DestinationStatus {
    /// As it was added.
    pub id: String,
    /// The address without the key.
    pub address: String,
    /// See the module.
    pub state: DestinationState,
    /// Connections after the first.
    pub reconnects: u64,
    /// Times that the child which makes AAC was replaced.
    pub encoder_restarts: u64,
    /// Process id of that child, while there is one.
    pub encoder_pid: Option<u32>,
    /// Times that a part of the show was skipped since the network was too slow.
    pub skips: u64,
    /// Bytes sent over all connections.
    pub bytes: u64,
    /// Bits a second, of the last seconds.
    pub bitrate_bps: u64,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
}

/// The status that a destination keeps and others read.
#[derive(Debug, Clone)]
pub(super) struct Board(Arc<Mutex<DestinationStatus>>);

impl Board {
    pub(super) fn new(settings: &DestinationSettings) -> Board {
        Board(Arc::new(Mutex::new(DestinationStatus {
            id: settings.id.clone(),
            address: settings.target.to_string(),
            state: DestinationState::Idle,
            reconnects: 0,
            encoder_restarts: 0,
            encoder_pid: None,
            skips: 0,
            bytes: 0,
            bitrate_bps: 0,
            last_error: None,
        })))
    }

    pub(super) fn status(&self) -> DestinationStatus {
        self.0.lock().clone()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut DestinationStatus)) {
        change(&mut self.0.lock());
    }

    fn state(&self, state: DestinationState) {
        self.set(|status| {
            status.state = state;
            if state != DestinationState::Live {
                status.bitrate_bps = 0;
                status.encoder_pid = None;
            }
        });
    }

    /// Notes what went wrong; once, where it is handled.
    fn error(&self, words: &str) {
        self.set(|status| {
            tracing::warn!(destination = %status.id, address = %status.address, error = words, "bridge: a destination failed");
            status.last_error = Some(words.chars().take(WORDS_MAX).collect());
        });
    }
}

/// Runs until the show ends or the destination is given up. The future may be dropped at any time.
pub(super) async fn run(settings: DestinationSettings, ffmpeg: PathBuf, mut reader: Reader, board: Board) {
    let (mut wait, mut refusals, mut was_live) = (BACKOFF_MIN, 0, false);
    // Nothing is opened before there is something to send.
    if reader.next().await.is_none() {
        return board.state(DestinationState::Ended);
    }
    for nth in 0u64.. {
        board.state(DestinationState::Starting);
        board.set(|status| status.reconnects = nth);
        let begun = Instant::now();
        reader.rejoin();
        let error = match Session::open(&settings, &ffmpeg, &board).await {
            Err(error) => error,
            Ok(session) => {
                board.state(DestinationState::Live);
                was_live = true;
                refusals = 0;
                match session.run(&mut reader).await {
                    End::Over => return board.state(DestinationState::Ended),
                    // Wanted: no failure, no waiting.
                    End::OtherSize => {
                        wait = BACKOFF_MIN;
                        continue;
                    }
                    End::Failed(error) => error,
                }
            }
        };
        board.error(&error.to_string());
        refusals += u32::from(matches!(error, SendError::Push(PushError::Refused { .. })));
        if !error.is_transient() && (!was_live || refusals > REFUSALS_MAX) {
            return board.state(DestinationState::Failed);
        }
        if begun.elapsed() >= GOOD_AFTER {
            wait = BACKOFF_MIN;
        }
        board.state(DestinationState::Retrying);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF_MAX);
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server or the network.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The child that makes AAC, again and again.
    #[error(transparent)]
    Audio(#[from] super::audio::AudioError),
}

impl SendError {
    fn is_transient(&self) -> bool {
        match self {
            SendError::Push(error) => error.is_transient(),
            SendError::Audio(_) => true,
        }
    }
}
