//! Bridges, an HLS provider, recorders and an archive in memory, with the accidents that a test asks for. Calls have no
//! trouble of their own: see [`super::Trouble`].

use crate::ports::*;
use backstage_core::delivery::{Audience, Live};
use backstage_core::recording::Archive;
use backstage_core::{BroadcastId, ExperienceId, StreamId, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

/// A part of the playlist is so long, ms.
const PART_MS: i64 = 500;
/// From the first frame of a bridge to the first part, ms.
const WARM_UP_MS: i64 = 1_500;
/// How often an archive says that it goes on before it is done.
const ARCHIVE_ROUNDS: u32 = 2;

/// A live stream at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Show {
    stream: StreamId,
    complete: bool,
    fed_since: Option<Timestamp>,
    /// Parts of earlier feeds.
    parts: u64,
    /// Never becomes active, or stands still.
    stalled: bool,
    dead_since: Timestamp,
}

impl Show {
    fn alive(&self, now: Timestamp) -> bool {
        !self.stalled && !self.complete && self.fed_since.is_some_and(|since| now.since_ms(since) >= WARM_UP_MS)
    }

    fn sequence(&self, now: Timestamp) -> u64 {
        let fed_ms = self.fed_since.map_or(0, |since| now.since_ms(since) - WARM_UP_MS);
        self.parts + u64::try_from(fed_ms / PART_MS).unwrap_or(0)
    }

    /// Something happens to it: what was sent so far is kept.
    fn change(&mut self, now: Timestamp, change: impl FnOnce(&mut Show)) {
        let (alive, parts) = (self.alive(now), self.sequence(now));
        if alive {
            (self.parts, self.dead_since) = (parts, now);
        }
        change(self);
    }
}

/// A recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tape {
    /// A recorder is at work.
    pub running: bool,
    /// How often one was set up; each wrote something.
    pub parts: u32,
    /// It is in the object storage.
    pub archived: bool,
    /// The archive refuses it; the file is still there.
    pub refused: bool,
    asked: u32,
}

#[derive(Default)]
struct Held {
    bridges: BTreeMap<StreamId, BroadcastId>,
    shows: BTreeMap<BroadcastId, Show>,
    tapes: BTreeMap<StreamId, Tape>,
    audiences: BTreeMap<ExperienceId, Audience>,
    /// New live streams never become active.
    never_active: bool,
    /// New live streams are refused.
    refuse_shows: bool,
    /// The archive refuses whatever comes.
    refuse_archives: bool,
}

/// Everything behind [`Bridges`], [`Broadcasts`], [`Recordings`] and [`Audiences`].
pub struct FakeMedia {
    held: Mutex<Held>,
    clock: Arc<dyn Clock>,
}

impl FakeMedia {
    /// Nothing is there.
    pub fn new(clock: Arc<dyn Clock>) -> FakeMedia {
        FakeMedia { held: Mutex::default(), clock }
    }

    /// So many watch.
    pub fn watch(&self, experience: &ExperienceId, audience: Audience) {
        self.held.lock().audiences.insert(experience.clone(), audience);
    }

    /// How the provider and the archive treat what comes from now on.
    pub fn temper(&self, never_active: bool, refuse_shows: bool, refuse_archives: bool) {
        let mut held = self.held.lock();
        (held.never_active, held.refuse_shows, held.refuse_archives) = (never_active, refuse_shows, refuse_archives);
    }

    /// The bridge dies.
    pub fn kill_bridge(&self, stream: &StreamId) {
        let now = self.clock.now();
        let mut held = self.held.lock();
        if let Some(id) = held.bridges.remove(stream)
            && let Some(show) = held.shows.get_mut(&id)
        {
            show.change(now, |show| show.fed_since = None);
        }
    }

    /// The recorder dies; what it wrote stays.
    pub fn kill_recorder(&self, stream: &StreamId) {
        if let Some(tape) = self.held.lock().tapes.get_mut(stream) {
            tape.running = false;
        }
    }

    /// The process that ran them dies.
    pub fn kill_all(&self) {
        let (bridges, tapes): (Vec<StreamId>, Vec<StreamId>) = {
            let held = self.held.lock();
            (held.bridges.keys().cloned().collect(), held.tapes.keys().cloned().collect())
        };
        bridges.iter().for_each(|stream| self.kill_bridge(stream));
        tapes.iter().for_each(|stream| self.kill_recorder(stream));
    }

    /// The playlist stands still, or goes on.
    pub fn stall(&self, stream: &StreamId, stalled: bool) {
        let now = self.clock.now();
        for show in self.held.lock().shows.values_mut().filter(|show| show.stream == *stream) {
            show.change(now, |show| {
                show.stalled = stalled;
                if let Some(since) = &mut show.fed_since {
                    *since = now;
                }
            });
        }
    }

    /// Since when nothing can be watched over HLS; `None` while it can.
    pub fn dead_since(&self, live: &Live) -> Option<Timestamp> {
        let now = self.clock.now();
        let held = self.held.lock();
        let show = held.shows.get(&live.id)?;
        (!show.alive(now)).then_some(show.dead_since)
    }

    /// Every recording.
    pub fn tapes(&self) -> BTreeMap<StreamId, Tape> {
        self.held.lock().tapes.clone()
    }

    /// What runs or is billed: words for a person.
    pub fn left_running(&self) -> Vec<String> {
        let held = self.held.lock();
        let bridges = held.bridges.keys().map(|stream| format!("bridge of {stream}"));
        let shows = held.shows.iter().filter(|(_, show)| !show.complete);
        let shows = shows.map(|(id, show)| format!("live stream {id} of {}", show.stream));
        let tapes = held.tapes.iter().filter(|(_, tape)| tape.running);
        bridges.chain(shows).chain(tapes.map(|(stream, _)| format!("recorder of {stream}"))).collect()
    }
}

fn answer<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, ProviderError>> {
    Box::pin(ready(Ok(answer)))
}

fn refusal<'a, T: Send + 'a>(why: &str) -> BoxFuture<'a, Result<T, ProviderError>> {
    Box::pin(ready(Err(ProviderError::Final(why.into()))))
}

impl Bridges for FakeMedia {
    fn start<'a>(&'a self, path: &'a Path, broadcast: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        let now = self.clock.now();
        let mut held = self.held.lock();
        if !held.bridges.contains_key(&path.stream) {
            held.bridges.insert(path.stream.clone(), broadcast.clone());
            if let Some(show) = held.shows.get_mut(broadcast) {
                show.change(now, |show| show.fed_since = Some(now));
            }
        }
        answer(())
    }
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.kill_bridge(stream);
        answer(())
    }
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let there = self.held.lock().bridges.contains_key(stream);
        answer(if there { WorkerSeen::Working } else { WorkerSeen::Missing })
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        answer(self.held.lock().bridges.keys().cloned().collect())
    }
}

impl Broadcasts for FakeMedia {
    fn create<'a>(&'a self, path: &'a Path, _: i64) -> BoxFuture<'a, Result<Live, ProviderError>> {
        let now = self.clock.now();
        let mut held = self.held.lock();
        let live = |id: BroadcastId| Live { playback: format!("play-{id}"), id };
        let made = held.shows.iter().find(|(_, show)| show.stream == path.stream && !show.complete);
        if let Some((id, _)) = made {
            return answer(live(id.clone()));
        }
        if held.refuse_shows {
            return refusal("the plan has no live streams");
        }
        let Ok(id) = BroadcastId::parse(&format!("live-{}", held.shows.len() + 1)) else {
            return refusal("no id");
        };
        let show = Show {
            stream: path.stream.clone(),
            complete: false,
            fed_since: None,
            parts: 0,
            stalled: held.never_active,
            dead_since: now,
        };
        held.shows.insert(id.clone(), show);
        answer(live(id))
    }
    fn complete<'a>(&'a self, id: &'a BroadcastId) -> BoxFuture<'a, Result<(), ProviderError>> {
        let now = self.clock.now();
        if let Some(show) = self.held.lock().shows.get_mut(id) {
            show.change(now, |show| show.complete = true);
        }
        answer(())
    }
    fn progress<'a>(&'a self, live: &'a Live) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        let now = self.clock.now();
        let held = self.held.lock();
        answer(match held.shows.get(&live.id) {
            None => Progress::Gone,
            Some(show) if show.complete => Progress::Gone,
            // A playlist that stands still is still there.
            Some(show) if show.alive(now) || show.parts > 0 => {
                let sequence = if show.alive(now) { show.sequence(now) } else { show.parts };
                Progress::Active { sequence }
            }
            Some(_) => Progress::Idle,
        })
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<BroadcastSeen>, ProviderError>> {
        let held = self.held.lock();
        let open = held.shows.iter().filter(|(_, show)| !show.complete);
        answer(open.map(|(id, show)| BroadcastSeen { id: id.clone(), stream: show.stream.clone() }).collect())
    }
}

impl Recordings for FakeMedia {
    fn start<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<(), ProviderError>> {
        let mut held = self.held.lock();
        let tape = held.tapes.entry(path.stream.clone()).or_default();
        if !tape.running {
            tape.running = true;
            tape.parts += 1;
        }
        answer(())
    }
    fn stop<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<bool, ProviderError>> {
        self.kill_recorder(stream);
        answer(self.held.lock().tapes.get(stream).is_some_and(|tape| tape.parts > 0))
    }
    fn look<'a>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<WorkerSeen, ProviderError>> {
        let running = self.held.lock().tapes.get(stream).is_some_and(|tape| tape.running);
        answer(if running { WorkerSeen::Working } else { WorkerSeen::Missing })
    }
    fn list(&self) -> BoxFuture<'_, Result<Vec<StreamId>, ProviderError>> {
        let held = self.held.lock();
        answer(held.tapes.iter().filter(|(_, tape)| tape.running).map(|(stream, _)| stream.clone()).collect())
    }
    fn archive<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Archiving, ProviderError>> {
        let mut held = self.held.lock();
        let refuses = held.refuse_archives;
        let tape = held.tapes.entry(path.stream.clone()).or_default();
        if tape.parts == 0 {
            return refusal("there is no file");
        }
        if (refuses || tape.refused) && !tape.archived {
            tape.refused = true;
            return refusal("the storage does not take it");
        }
        tape.asked += 1;
        if tape.asked <= ARCHIVE_ROUNDS {
            return answer(Archiving::Going);
        }
        tape.archived = true;
        let key = format!("recordings/{}", path.stream);
        answer(Archiving::Done(Archive { key, duration_ms: 1_000 * i64::from(tape.parts), bytes: 1 }))
    }
}

impl Audiences for FakeMedia {
    fn count(&self, path: &Path) -> Option<Audience> {
        self.held.lock().audiences.get(&path.experience).copied()
    }
}
