//! The recording of a stream, from its first frame to the archive (INV-06).
//!
//! | state | left by | to |
//! |---|---|---|
//! | `off` | nothing | |
//! | `planned` | the stream goes live | `starting` |
//! | | the stream is over | `off` |
//! | `starting` | started | `running` |
//! | | refused: with nothing recorded yet | `refused` |
//! | | refused: after an earlier part | `broken` |
//! | | the stream is over | `stopping` |
//! | `running` | the recorder is lost | `starting` again; what it wrote is kept |
//! | `running`, `broken` | the stream is over | `stopping` |
//! | `stopping` | stopped, something was recorded | `archiving` |
//! | | stopped, nothing was | `empty` |
//! | `archiving` | archived | `kept` |
//! | | refused for good: the file stays, with its dead letter | `failed` |

#[cfg(test)]
mod tests;

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the recording is kept, as the archive said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Name of its folder in the object storage.
    pub key: String,
    /// How long it plays.
    pub duration_ms: i64,
    /// Size of the playable file.
    pub bytes: i64,
}

/// Why nothing is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffReason {
    /// The server does not record.
    #[default]
    NotAsked,
    /// The stream was over before it went live.
    NeverLive,
}

/// The recording of one stream. Changes only through its stream.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "recorder", rename_all = "snake_case")]
pub enum Recorder {
    /// Nothing is or will be recorded.
    Off { reason: OffReason },
    /// Will start when the stream goes live.
    Planned,
    /// Asked for; `since` is when it first ran, if it did.
    Starting { since: Option<Timestamp> },
    /// Set up; it writes whatever comes.
    Running { since: Timestamp },
    /// Could not be set up again; an earlier part is there.
    Broken { since: Timestamp },
    /// Asked to stop.
    Stopping,
    /// Being brought to the object storage.
    Archiving,
    /// It is there.
    Kept { archive: Archive },
    /// Nothing was received.
    Empty,
    /// Could not be started.
    Refused,
    /// Could not be archived: the file is kept with its dead letter.
    Failed,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::Off { reason: OffReason::NotAsked }
    }
}

/// What happens to a recording.
#[allow(missing_docs, reason = "the fields say what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "recording", rename_all = "snake_case")]
pub enum RecorderEvent {
    /// The recorder is set up.
    Started,
    /// It cannot be set up.
    StartRefused,
    /// It is gone, as looked at from `asked_at` on.
    Lost { asked_at: Timestamp },
    /// It has stopped; `media`: something was recorded.
    Stopped { media: bool },
    /// It is in the object storage.
    Archived { archive: Archive },
    /// It will never get there by itself.
    ArchiveRefused,
}

/// What a recording asks for; the stream makes [`crate::Effect`]s of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// See [`crate::Effect::StartRecording`].
    Start,
    /// See [`crate::Effect::StopRecording`].
    Stop,
    /// See [`crate::Effect::Archive`].
    Archive,
}

impl Recorder {
    /// The recording of a stream that is being opened.
    pub const fn planned(record: bool) -> Recorder {
        if record { Recorder::Planned } else { Recorder::Off { reason: OffReason::NotAsked } }
    }

    /// The word used in the timeline and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Recorder::Off { .. } => "off",
            Recorder::Planned => "planned",
            Recorder::Starting { .. } => "starting",
            Recorder::Running { .. } => "running",
            Recorder::Broken { .. } => "broken",
            Recorder::Stopping => "stopping",
            Recorder::Archiving => "archiving",
            Recorder::Kept { .. } => "kept",
            Recorder::Empty => "empty",
            Recorder::Refused => "refused",
            Recorder::Failed => "failed",
        }
    }

    /// Nothing more will happen to it.
    pub const fn is_settled(&self) -> bool {
        matches!(
            self,
            Recorder::Off { .. } | Recorder::Kept { .. } | Recorder::Empty | Recorder::Refused | Recorder::Failed
        )
    }

    /// Whether a recorder should be at work.
    pub const fn is_running(&self) -> bool {
        matches!(self, Recorder::Starting { .. } | Recorder::Running { .. })
    }

    /// The server records, or no longer does: only what has not begun changes.
    pub fn plan(&mut self, record: bool) {
        if matches!(self, Recorder::Planned | Recorder::Off { reason: OffReason::NotAsked }) {
            *self = Recorder::planned(record);
        }
    }

    /// The stream is live.
    pub fn went_live(&mut self) -> Option<Wish> {
        matches!(self, Recorder::Planned).then(|| {
            *self = Recorder::Starting { since: None };
            Wish::Start
        })
    }

    /// The stream is over.
    pub fn finished(&mut self) -> Option<Wish> {
        match self {
            Recorder::Planned => {
                *self = Recorder::Off { reason: OffReason::NeverLive };
                None
            }
            Recorder::Starting { .. } | Recorder::Running { .. } | Recorder::Broken { .. } => {
                *self = Recorder::Stopping;
                Some(Wish::Stop)
            }
            Recorder::Off { .. }
            | Recorder::Stopping
            | Recorder::Archiving
            | Recorder::Kept { .. }
            | Recorder::Empty
            | Recorder::Refused
            | Recorder::Failed => None,
        }
    }

    /// Takes one event. News of a moment that has passed changes nothing.
    pub fn apply(&mut self, now: Timestamp, event: RecorderEvent) -> Option<Wish> {
        let (next, wish) = match (&*self, event) {
            (Recorder::Starting { since }, RecorderEvent::Started) => {
                (Recorder::Running { since: since.unwrap_or(now) }, None)
            }
            (Recorder::Starting { since: None }, RecorderEvent::StartRefused) => (Recorder::Refused, None),
            (Recorder::Starting { since: Some(since) }, RecorderEvent::StartRefused) => {
                (Recorder::Broken { since: *since }, None)
            }
            (Recorder::Running { since }, RecorderEvent::Lost { asked_at }) if asked_at >= *since => {
                (Recorder::Starting { since: Some(*since) }, Some(Wish::Start))
            }
            (Recorder::Stopping, RecorderEvent::Stopped { media: true }) => (Recorder::Archiving, Some(Wish::Archive)),
            (Recorder::Stopping, RecorderEvent::Stopped { media: false }) => (Recorder::Empty, None),
            (Recorder::Archiving, RecorderEvent::Archived { archive }) => (Recorder::Kept { archive }, None),
            (Recorder::Archiving, RecorderEvent::ArchiveRefused) => (Recorder::Failed, None),
            (
                _,
                RecorderEvent::Started
                | RecorderEvent::StartRefused
                | RecorderEvent::Lost { .. }
                | RecorderEvent::Stopped { .. }
                | RecorderEvent::Archived { .. }
                | RecorderEvent::ArchiveRefused,
            ) => return None,
        };
        *self = next;
        wish
    }
}

impl RecorderEvent {
    /// Name in the timeline.
    pub const fn name(&self) -> &'static str {
        match self {
            RecorderEvent::Started => "recording_started",
            RecorderEvent::StartRefused => "recording_refused",
            RecorderEvent::Lost { .. } => "recording_lost",
            RecorderEvent::Stopped { .. } => "recording_stopped",
            RecorderEvent::Archived { .. } => "recording_archived",
            RecorderEvent::ArchiveRefused => "archive_refused",
        }
    }
}
