//! Looks whether the promises of docs/INVARIANTS.md hold on the running server: INV-01, INV-08 and INV-10 on what is
//! stored. A broken one is logged with its stream and counted in `backstage_invariant_violations_total`.

use super::Metrics;
use backstage_actors::keep::Kept;
use backstage_actors::ports::{Key, OpenStream, Store, StoreError};
use backstage_core::invariants::{Violation, has_timer, one_open_stream, phase_not_back};
use backstage_core::stream::{Phase, Stream};
use backstage_core::{Kind, StreamId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks, ms.
pub const LOOK_MS: u64 = 30_000;
/// Streams looked at in a round; with more open, rounds take turns.
const STREAMS_MAX: usize = 500;

/// The looking loop; ends when dropped.
pub struct Promises {
    _loop: Kept,
}

impl Promises {
    /// Starts to look. Call it inside an actix system.
    pub fn watch(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Promises {
        let gauge = metrics.clone();
        let looker = Arc::new(Looker { store, seen: Mutex::default() });
        let body = move || {
            let (looker, metrics) = (looker.clone(), metrics.clone());
            async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
                    match looker.look().await {
                        Ok(broken) => broken.iter().for_each(|violation| tell(violation, &metrics)),
                        Err(error) => tracing::debug!(%error, "the promises could not be looked at"),
                    }
                }
            }
        };
        Promises { _loop: Kept::start("promises", gauge, body) }
    }
}

fn tell(violation: &Violation, metrics: &Metrics) {
    let (id, promise) = (violation.invariant.id(), violation.invariant.sentence());
    tracing::error!(invariant = id, promise, detail = violation.detail, "a promise is broken");
    metrics.violation(violation.invariant);
}

struct Looker {
    store: Arc<dyn Store>,
    /// Phases of open streams when last looked at.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    phases: HashMap<StreamId, Phase>,
    rounds: usize,
}

impl Looker {
    async fn look(&self) -> Result<Vec<Violation>, StoreError> {
        let open = self.store.open_streams().await?;
        let round = self.turn(&open);
        let mut streams = Vec::with_capacity(round.len());
        let mut broken = Vec::new();
        for open in round {
            let Some((stream, violation)) = self.look_at(&open.path.stream).await? else { continue };
            broken.extend(violation);
            broken.extend(self.compare(&stream));
            streams.push(stream);
        }
        self.seen.lock().phases.retain(|id, _| open.iter().any(|open| open.path.stream == *id));
        // A stream that ended while others were read may look open beside its successor: only what is still so counts.
        if !one_open_stream(&streams).is_empty() {
            let mut again = Vec::with_capacity(streams.len());
            for stream in &streams {
                again.extend(self.load(&stream.id).await?.map(|(_, stream)| stream));
            }
            broken.extend(one_open_stream(&again));
        }
        Ok(broken)
    }

    fn turn<'a>(&self, open: &'a [OpenStream]) -> Vec<&'a OpenStream> {
        let mut seen = self.seen.lock();
        let begin = seen.rounds.wrapping_mul(STREAMS_MAX).checked_rem(open.len()).unwrap_or(0);
        seen.rounds = seen.rounds.wrapping_add(1);
        open.iter().cycle().skip(begin).take(open.len().min(STREAMS_MAX)).collect()
    }

    async fn load(&self, id: &StreamId) -> Result<Option<(i64, Stream)>, StoreError> {
        let stored = self.store.load(&Key::new(Kind::Stream, id.as_str())).await?;
        Ok(stored.and_then(|stored| Some((stored.version, serde_json::from_str(&stored.state).ok()?))))
    }

    /// State and timers are read one after the other: they count only if nothing was committed between.
    async fn look_at(&self, id: &StreamId) -> Result<Option<(Stream, Option<Violation>)>, StoreError> {
        let Some((before, stream)) = self.load(id).await? else { return Ok(None) };
        let timers = self.store.timers(&Key::new(Kind::Stream, id.as_str())).await?;
        match self.load(id).await? {
            Some((after, _)) if after == before => {
                let violation = has_timer(&stream, &timers);
                Ok(Some((stream, violation)))
            }
            Some(_) | None => Ok(None),
        }
    }

    fn compare(&self, stream: &Stream) -> Option<Violation> {
        let before = self.seen.lock().phases.insert(stream.id.clone(), stream.phase.clone());
        before.and_then(|before| phase_not_back(&before, &stream.phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstage_actors::fakes::Memory;
    use backstage_actors::ports::{Commit, EventRow, Path};
    use backstage_core::stream::{Start, StreamEvent};
    use backstage_core::{Machine, TimerName, Timestamp};

    fn open(id: &str) -> Stream {
        let event = StreamEvent::Open {
            space: "sp".parse().unwrap(),
            experience: format!("ex-{id}").parse().unwrap(),
            stream: id.parse().unwrap(),
            start: Start::Lobby,
            grace_ms: 1_000,
            plan: Default::default(),
        };
        Stream::begin(Timestamp(1), event).unwrap().0
    }

    async fn commit(store: &Memory, stream: &Stream, version: i64, timer: Option<TimerName>) {
        let path =
            Path { space: stream.space.clone(), experience: stream.experience.clone(), stream: stream.id.clone() };
        let event = EventRow {
            version: version + 1,
            at: Timestamp(1),
            event: "planted".into(),
            phase: stream.phase.as_str().into(),
            cause: "creator".into(),
            payload: "{}".into(),
        };
        let commit = Commit {
            key: Key::new(Kind::Stream, stream.id.as_str()),
            expected_version: version,
            state: serde_json::to_string(stream).unwrap(),
            parent: stream.experience.to_string(),
            slug: None,
            phase: stream.phase.as_str(),
            event,
            outbox: vec![],
            timers_set: timer.into_iter().map(|name| (name, Timestamp(9))).collect(),
            timers_cancelled: vec![],
            settles: None,
            path: Some(path),
        };
        store.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_without_its_timer_and_a_phase_that_went_back_are_found() {
        let store = Arc::new(Memory::default());
        let looker = Looker { store: store.clone(), seen: Mutex::default() };
        let (mut well, forgotten) = (open("well"), open("forgotten"));
        commit(&store, &well, 0, Some(TimerName::LobbyExpiry)).await;
        commit(&store, &forgotten, 0, None).await;
        let broken: Vec<_> = looker.look().await.unwrap().iter().map(|violation| violation.invariant.id()).collect();
        assert_eq!(broken, ["INV-10"]);

        well.phase = Phase::Scheduled { starts_at: Timestamp(5) };
        commit(&store, &well, 1, Some(TimerName::ScheduleExpiry)).await;
        let broken: Vec<_> = looker.look().await.unwrap().iter().map(|violation| violation.invariant.id()).collect();
        assert!(broken.contains(&"INV-08"), "{broken:?}");
    }
}
