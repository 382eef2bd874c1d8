//! Is every part of the server well? Each part says so itself, or why not.

use super::Metrics;
use crate::adapters::livekit::{Endpoint, LiveKitServer, LiveKitStatus, check};
use crate::adapters::mqtt::MqttSpine;
use crate::adapters::mux::Mux;
use backstage_actors::ports::{BoxFuture, Clock, Store};
use futures_util::future::join_all;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long one part may take to answer, ms.
pub const PART_MS_MAX: u64 = 2_000;
/// A report is used again for this long, ms: questions from outside cannot load the parts.
pub const REPORT_MS_MAX: u64 = 1_000;
/// What is known of the HLS side is used again for this long, ms.
pub const HLS_MS_MAX: u64 = 10_000;
/// Less free space than this in the data folder is not enough, bytes.
pub const DISK_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// An outbox older than this stands still, ms.
pub const LAG_MS_MAX: i64 = 60_000;

/// What the failing of a part means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Without it nothing works: not ready.
    Required,
    /// The server works on, an operator should look.
    Watched,
}

type Look = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// A part and how to ask it.
#[derive(Clone)]
pub struct Part {
    name: &'static str,
    weight: Weight,
    look: Look,
}

impl Part {
    /// A part that answers with a word on its state, or why it is not well.
    pub fn new<F>(name: &'static str, weight: Weight, look: impl Fn() -> F + Send + Sync + 'static) -> Part
    where
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        Part { name, weight, look: Arc::new(move || Box::pin(look())) }
    }

    /// The store answers.
    pub fn database(store: Arc<dyn Store>) -> Part {
        Part::new("database", Weight::Required, move || {
            let store = store.clone();
            async move {
                match store.next_timer_at().await {
                    Ok(_) => Ok("answers".into()),
                    Err(error) => Err(error.to_string()),
                }
            }
        })
    }

    /// What waits in the outbox does not wait for long.
    pub fn outbox(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Part {
        Part::new("outbox", Weight::Watched, move || {
            let (store, clock) = (store.clone(), clock.clone());
            async move {
                let backlog = store.outbox_backlog().await.map_err(|error| error.to_string())?;
                let late = backlog.iter().find_map(|lane| {
                    let lag_ms = clock.now().since_ms(lane.oldest_at?);
                    (lag_ms > LAG_MS_MAX).then(|| format!("lane {} waits for {} s", lane.lane.as_str(), lag_ms / 1_000))
                });
                late.map_or(Ok("flows".into()), Err)
            }
        })
    }

    /// The media server that we supervise.
    pub fn livekit(server: Arc<LiveKitServer>) -> Part {
        Part::new("livekit", Weight::Required, move || {
            let server = server.clone();
            async move {
                match server.status() {
                    LiveKitStatus::Running { .. } => answers(server.endpoint()).await,
                    LiveKitStatus::Restarting { reason } => Err(format!("is being started again: {reason}")),
                    LiveKitStatus::Stopped => Err("was stopped".into()),
                }
            }
        })
    }

    /// A media server that runs elsewhere.
    pub fn livekit_elsewhere(endpoint: Endpoint) -> Part {
        Part::new("livekit", Weight::Required, move || {
            let endpoint = endpoint.clone();
            async move { answers(&endpoint).await }
        })
    }

    /// Who carries HLS: our own origin, or Mux. Without it everybody watches over WebRTC. Asked again only after
    /// [`HLS_MS_MAX`], since Mux counts the questions.
    pub fn hls(mux: Mux, own: bool) -> Part {
        let last: Arc<Mutex<Option<(Instant, Result<String, String>)>>> = Arc::default();
        Part::new("hls", Weight::Watched, move || {
            let (mux, last) = (mux.clone(), last.clone());
            async move {
                let mut last = last.lock().await;
                if let Some((at, answer)) = &*last
                    && at.elapsed() < Duration::from_millis(HLS_MS_MAX)
                {
                    return answer.clone();
                }
                let who = if own { "our own origin" } else { "Mux" };
                let answer = match mux.whoami().await {
                    Ok(_) => Ok(format!("{who} answers")),
                    Err(error) => Err(format!("{who} does not answer as it should: {error}")),
                };
                *last = Some((Instant::now(), answer.clone()));
                answer
            }
        })
    }

    /// The event broker.
    pub fn mqtt(spine: Arc<MqttSpine>) -> Part {
        Part::new("mqtt", Weight::Watched, move || {
            let status = spine.status();
            async move { status.map(|()| "connected".into()) }
        })
    }

    /// Free space in the data folder.
    pub fn disk(folder: PathBuf) -> Part {
        Part::new("disk", Weight::Required, move || {
            let free = free_bytes(&folder);
            async move {
                match free {
                    Ok(free) if free < DISK_BYTES_MIN => {
                        Err(format!("only {} MiB free in the data folder", free >> 20))
                    }
                    Ok(free) => Ok(format!("{} MiB free", free >> 20)),
                    Err(error) => Err(format!("the data folder cannot be looked at: {error}")),
                }
            }
        })
    }
}

async fn answers(endpoint: &Endpoint) -> Result<String, String> {
    check::answers(endpoint).await.map(|()| "answers".into()).map_err(|error| error.to_string())
}

fn free_bytes(folder: &PathBuf) -> nix::Result<u64> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    #[allow(clippy::useless_conversion, reason = "the types differ by platform")]
    Ok(u64::from(found.blocks_available()).saturating_mul(u64::from(found.fragment_size())))
}

/// How the parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every required part is well.
    pub ready: bool,
    /// Each part.
    pub parts: Vec<PartReport>,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// Its name.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// What its failing means.
    pub weight: Weight,
    /// Its state in words, or why it is not well.
    pub reason: String,
}

/// The parts of a server.
pub struct Health {
    parts: Vec<Part>,
    metrics: Arc<Metrics>,
    last: Mutex<Option<(Instant, Report)>>,
}

impl Health {
    /// Watches the parts; each look also sets `backstage_up`.
    pub fn new(parts: Vec<Part>, metrics: Arc<Metrics>) -> Health {
        Health { parts, metrics, last: Mutex::new(None) }
    }

    /// Asks all parts at once; at most [`PART_MS_MAX`]. Within [`REPORT_MS_MAX`] the last report is given again.
    pub async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < Duration::from_millis(REPORT_MS_MAX)
        {
            return report.clone();
        }
        let parts = join_all(self.parts.iter().map(ask)).await;
        for part in &parts {
            self.metrics.set_up(part.name, part.ok);
        }
        let ready = parts.iter().all(|part| part.ok || part.weight == Weight::Watched);
        let report = Report { ready, parts };
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn ask(part: &Part) -> PartReport {
    let answer = timeout(Duration::from_millis(PART_MS_MAX), (part.look)()).await;
    let (ok, reason) = match answer {
        Ok(Ok(state)) => (true, state),
        Ok(Err(reason)) => (false, reason),
        Err(_) => (false, format!("no answer within {PART_MS_MAX} ms")),
    };
    PartReport { name: part.name, ok, weight: part.weight, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_core::Timestamp;

    fn part(name: &'static str, weight: Weight, answer: Result<&str, &str>) -> Part {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        Part::new(name, weight, move || std::future::ready(answer.clone()))
    }

    #[tokio::test]
    async fn a_watched_part_that_fails_is_told_and_leaves_the_server_ready() {
        let metrics = Arc::new(Metrics::new("t", Timestamp(0)).unwrap());
        let parts = vec![part("a", Weight::Required, Ok("fine")), part("b", Weight::Watched, Err("away"))];
        let report = Health::new(parts, metrics.clone()).report().await;
        assert!(report.ready);
        assert_eq!((report.parts[1].ok, report.parts[1].reason.as_str()), (false, "away"));
        assert!(metrics.text().contains("backstage_up{part=\"b\"} 0"));
    }

    #[tokio::test]
    async fn a_required_part_that_fails_or_is_silent_makes_it_not_ready() {
        let metrics = Arc::new(Metrics::new("t", Timestamp(0)).unwrap());
        let failing = Health::new(vec![part("a", Weight::Required, Err("gone"))], metrics.clone());
        assert!(!failing.report().await.ready);
        tokio::time::pause();
        let silent = Part::new("a", Weight::Required, std::future::pending::<Result<String, String>>);
        let report = Health::new(vec![silent], metrics).report().await;
        assert!(!report.ready && report.parts[0].reason.contains("no answer"));
    }

    #[tokio::test]
    async fn the_disk_is_looked_at() {
        let metrics = Arc::new(Metrics::new("t", Timestamp(0)).unwrap());
        let parts = vec![Part::disk("/".into()), Part::disk("/nowhere/at/all".into())];
        let report = Health::new(parts, metrics).report().await;
        assert_eq!((report.parts[0].ok, report.parts[1].ok), (true, false));
    }
}
