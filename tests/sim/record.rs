//! What really happened in a simulated world, written down beside the store, so that a store that lies is caught too.

use backstage_actors::fakes::Tape;
use backstage_actors::ports::*;
use backstage_core::delivery::Heading;
use backstage_core::effect::{Effect, Lane};
use backstage_core::invariants::{self, Invariant, Violation};
use backstage_core::machine::Kind;
use backstage_core::stream::Stream;
use backstage_core::{StreamId, TimerName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A call that reached the media server and worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomCall {
    Opened(StreamId),
    Closed(StreamId),
}

/// The record of a world. Checks that belong to one commit are made as it comes in.
#[derive(Default)]
pub struct Record {
    pub trace: Vec<String>,
    pub violations: Vec<Violation>,
    pub streams: BTreeMap<StreamId, Stream>,
    versions: BTreeMap<Key, i64>,
    timers: BTreeMap<Key, BTreeSet<TimerName>>,
    wanted: Vec<(OutboxRow, Timestamp)>,
    settled_by_commit: BTreeMap<String, u32>,
    settled: BTreeSet<String>,
    room_calls: Vec<(Timestamp, RoomCall)>,
    dead: BTreeSet<String>,
    /// Since when the cohorts of a stream move, and which way.
    pub moving: BTreeMap<StreamId, (Heading, Timestamp)>,
}

impl Record {
    /// A commit that the store took. `timers` are those that the store then had.
    pub fn committed(
        &mut self,
        now: Timestamp,
        commit: &Commit,
        timers: Vec<TimerName>,
        tapes: &BTreeMap<StreamId, Tape>,
    ) {
        let (kind, id) = (commit.key.kind.as_str(), &commit.key.id);
        let (event, phase) = (&commit.event.event, commit.phase);
        let version = commit.expected_version + 1;
        self.trace.push(format!("{} {kind} {id} v{version} {event} {phase}", now.0));
        let held = self.versions.insert(commit.key.clone(), version).unwrap_or(0);
        if held + 1 != version {
            self.violate(Invariant::PerformedAndAppliedOnce, format!("{kind} {id}: version {version} after {held}"));
        }
        for row in &commit.outbox {
            self.wanted.push((row.clone(), now));
        }
        if let Some(Settles::Effect(key)) = &commit.settles {
            let times = self.settled_by_commit.entry(key.clone()).or_default();
            *times += 1;
            if *times > 1 {
                self.violate(Invariant::PerformedAndAppliedOnce, format!("the outcome of {key} was applied twice"));
            }
        }
        self.timers.insert(commit.key.clone(), timers.iter().copied().collect());
        if commit.key.kind == Kind::Stream {
            self.stream_committed(now, commit, &timers, tapes);
        }
    }

    fn stream_committed(
        &mut self,
        now: Timestamp,
        commit: &Commit,
        timers: &[TimerName],
        tapes: &BTreeMap<StreamId, Tape>,
    ) {
        let stream = Stream::from_json(&commit.state).expect("a stream's state");
        let effects: Vec<Effect> = commit.outbox.iter().map(|row| row.effect.clone()).collect();
        self.violations.extend(invariants::completed_after_stop(&stream, &effects));
        let tape = tapes.get(&stream.id).copied().unwrap_or_default();
        let (recorded, file_kept) = (tape.parts > 0, tape.parts > 0 && !tape.archived);
        self.violations.extend(invariants::recording_accounted_for(&stream, recorded, tape.archived, file_kept));
        match stream.delivery.mode.heading() {
            Some(heading) if self.moving.get(&stream.id).is_none_or(|(held, _)| *held != heading) => {
                self.moving.insert(stream.id.clone(), (heading, now));
            }
            Some(_) => {}
            None => {
                self.moving.remove(&stream.id);
            }
        }
        if let Some(before) = self.streams.get(&stream.id) {
            let back = invariants::phase_not_back(&before.phase, &stream.phase);
            self.violations.extend(back);
        }
        self.violations.extend(invariants::has_timer(&stream, timers));
        self.streams.insert(stream.id.clone(), stream);
        self.violations.extend(invariants::one_open_stream(self.streams.values()));
    }

    /// A timer that was settled without a commit.
    pub fn settled(&mut self, settles: &Settles) {
        if let Settles::Effect(key) = settles {
            self.settled.insert(key.clone());
        }
    }

    /// An effect that was given up.
    pub fn dead(&mut self, key: &str) {
        self.dead.insert(key.to_owned());
    }

    /// INV-06 once everything has calmed down: what was recorded is archived, or in the dead letters with its file.
    /// INV-11: nothing is left running.
    pub fn check_media(&mut self, tapes: &BTreeMap<StreamId, Tape>, left_running: Vec<String>) {
        for (stream, tape) in tapes.iter().filter(|(_, tape)| tape.parts > 0 && !tape.archived) {
            let letter = self.wanted.iter().any(|(row, _)| {
                matches!(&row.effect, Effect::Archive { stream: of, .. } if of == stream)
                    && self.dead.contains(&row.key)
            });
            if !letter {
                let detail = format!("the recording of {stream} is neither archived nor a dead letter: {tape:?}");
                self.violate(Invariant::RecordingAccountedFor, detail);
            }
        }
        for what in left_running {
            self.violate(Invariant::NothingLeftRunning, format!("{what} is left at the end"));
        }
    }

    pub fn room_call(&mut self, now: Timestamp, call: RoomCall) {
        self.trace.push(format!("{} {call:?}", now.0));
        self.room_calls.push((now, call));
    }

    pub fn violate(&mut self, invariant: Invariant, detail: String) {
        self.violations.push(Violation { invariant, detail });
    }

    /// INV-07 once everything has calmed down: each committed effect was really performed.
    pub fn check_all_performed(&mut self, heard: &BTreeSet<String>) {
        let mut missing = vec![];
        for (row, at) in &self.wanted {
            let done = match (&row.effect, row.lane) {
                (_, Lane::Media | Lane::Broadcasts) => {
                    self.settled_by_commit.contains_key(&row.key)
                        || self.settled.contains(&row.key)
                        || self.dead.contains(&row.key)
                }
                (_, Lane::Domain) => self.settled_by_commit.contains_key(&row.key) || self.settled.contains(&row.key),
                (_, Lane::Spine) => heard.contains(&row.key),
                (Effect::OpenRoom { stream, .. }, Lane::Rooms) => self.called(*at, RoomCall::Opened(stream.clone())),
                (Effect::CloseRoom { stream, .. }, Lane::Rooms) => self.called(*at, RoomCall::Closed(stream.clone())),
                (other, Lane::Rooms) => panic!("{other:?} in the rooms lane"),
            };
            if !done {
                missing.push(format!("{} was never performed: {:?}", row.key, row.effect));
            }
        }
        for detail in missing {
            self.violate(Invariant::PerformedAndAppliedOnce, detail);
        }
    }

    fn called(&self, since: Timestamp, call: RoomCall) -> bool {
        self.room_calls.iter().any(|(at, made)| *at >= since && *made == call)
    }

    /// INV-10 at the end: whatever rests must have its timer, and no experience holds on to a stream that is over.
    pub fn check_nothing_rests(&mut self, snapshot: &backstage_actors::fakes::Snapshot) {
        for (key, stored) in &snapshot.aggregates {
            match key.kind {
                Kind::Stream => {
                    let stream: Stream = serde_json::from_str(&stored.state).expect("a stream's state");
                    let timers = snapshot.timers.get(key).cloned().unwrap_or_default();
                    self.violations.extend(invariants::has_timer(&stream, &timers));
                    if !stream.phase.is_over() || stream.phase.as_str() == "ended" {
                        self.violate(
                            Invariant::NothingRestsWithoutTimer,
                            format!("stream {} still {} at the end", stream.id, stream.phase.as_str()),
                        );
                    }
                }
                Kind::Experience => {
                    let experience: backstage_core::experience::Experience =
                        serde_json::from_str(&stored.state).expect("an experience's state");
                    if let Some(current) = experience.current {
                        let detail = format!("experience {} still holds stream {}", experience.id, current.stream);
                        self.violate(Invariant::NothingRestsWithoutTimer, detail);
                    }
                }
                Kind::Space => {}
            }
        }
    }
}
