//! What a run is to do, read from a TOML file. Every key is explained in `scenarios/switch_under_load.toml`.

mod limits;
mod read;
mod reader;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

pub use limits::Limits;

/// Viewers at a time.
pub const VIEWERS_MAX: u64 = 5_000;
/// The longest run, s.
pub const SECONDS_MAX: u64 = 4 * 3_600;
/// A scenario file is no larger, bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Lower-case letters, digits and underscores.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// Draws the moments of coming, moving and reloading.
    pub seed: u64,
    /// First part of the page's address.
    pub space: String,
    /// Second part of the page's address.
    pub experience: String,
    /// Who is on stage.
    pub publisher: PublisherKind,
    /// One after the other; at least one.
    pub phases: Vec<Phase>,
    /// Who comes; the shares make 100.
    pub viewers: Vec<Share>,
    /// Pages that others open meanwhile.
    pub pages: Pages,
    /// What makes it fail.
    pub limits: Limits,
}

/// Who goes live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublisherKind {
    /// We do, as this person.
    Creator(Creator),
    /// Somebody else.
    External,
}

/// Signs in and publishes a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creator {
    /// A host of the experience.
    pub email: String,
    /// Goes live so long after the start.
    pub after: Duration,
    /// Of the picture, pixels.
    pub size: (u16, u16),
    /// Pictures per second.
    pub fps: u32,
    /// kbit/s of the picture.
    pub kbps: u32,
}

/// A part of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// For people.
    pub name: String,
    /// How long it takes.
    pub length: Duration,
    /// The audience at its end.
    pub viewers: usize,
    /// Within this time of its beginning it is reached; not longer than `length`.
    pub ramp: Duration,
}

/// What a viewer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Watches, and goes where it is moved.
    Watches,
    /// The same, and reloads the page about so often.
    Reloads(Duration),
    /// Has the page and its socket open.
    Lurks,
}

/// How many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// What they do.
    pub habit: Habit,
    /// Of 100.
    pub percent: u64,
}

/// Others who open pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pages {
    /// 0: nobody does.
    pub per_second: u64,
    /// In turn.
    pub paths: Vec<String>,
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {cause}")]
    Unreadable {
        /// Where.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("{0} is larger than 256 KiB")]
    TooLarge(String),
    /// It is no TOML.
    #[error("this is no TOML: {0}")]
    NoToml(Box<toml::de::Error>),
    /// All that is wrong with it.
    #[error("{} in the scenario:\n  {}", if .0.len() == 1 { "a mistake".into() } else { format!("{} mistakes", .0.len()) }, .0.join("\n  "))]
    Mistakes(Vec<String>),
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn read(path: &Path) -> Result<Scenario, ScenarioError> {
        let shown = || path.display().to_string();
        let unreadable = |cause| ScenarioError::Unreadable { path: shown(), cause };
        if std::fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(ScenarioError::TooLarge(shown()));
        }
        Scenario::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let table = text.parse().map_err(|error| ScenarioError::NoToml(Box::new(error)))?;
        read::scenario(&table)
    }

    /// How long it takes.
    pub fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length).sum()
    }

    /// The largest audience.
    pub fn viewers_max(&self) -> usize {
        self.phases.iter().map(|phase| phase.viewers).max().unwrap_or(0)
    }

    /// How many viewers there are to be so long after the beginning, and in which phase (from 0).
    pub fn audience(&self, at: Duration) -> (usize, usize) {
        let (mut before, mut began) = (0, Duration::ZERO);
        for (index, phase) in self.phases.iter().enumerate() {
            let into = at.saturating_sub(began);
            if into < phase.length {
                return (phase.audience(before, into), index);
            }
            (before, began) = (phase.viewers, began + phase.length);
        }
        (before, self.phases.len().saturating_sub(1))
    }

    /// What the n-th viewer (from 0) does: shares hold for any stretch of viewers, not only for all of them.
    pub fn habit(&self, n: usize) -> Habit {
        // Multiples of the golden ratio of 100 are spread evenly over it.
        let mut place = (n as u64 % 10_000) * 6_180 % 10_000 / 100;
        for share in &self.viewers {
            if place < share.percent {
                return share.habit;
            }
            place -= share.percent;
        }
        Habit::Watches
    }
}

impl Phase {
    fn audience(&self, before: usize, into: Duration) -> usize {
        if into >= self.ramp {
            return self.viewers;
        }
        let done = into.as_secs_f64() / self.ramp.as_secs_f64();
        let between = before as f64 + (self.viewers as f64 - before as f64) * done;
        between.round() as usize
    }
}
