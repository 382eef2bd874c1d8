//! Which aggregates have owners, and who supervises whom: space → experience → stream.

use crate::ports::Path;
use crate::registry::{Registry, Shelf};
use crate::rules::{Decide, Rules};
use crate::watch::{Watch, Watched};
use backstage_core::experience::Experience;
use backstage_core::machine::{Index, Kind};
use backstage_core::space::Space;
use backstage_core::stream::Stream;
use backstage_core::{Effect, Machine, Timestamp};
use serde::{Deserialize, Serialize};

/// An aggregate that an [`crate::owner::Owner`] owns.
pub trait Noun: Machine {
    /// What its owner supervises.
    type Child: Noun;
    /// Its decisions.
    fn rules(rules: &Rules) -> Decide<Self>;
    /// Where its owners are listed.
    fn shelf(registry: &Registry) -> &Shelf<Self>;
    /// The phase and cause to count when it changes; `None` for nouns without phases of interest.
    fn counted(&self) -> Option<&'static str> {
        None
    }
    /// Where it stands, if it is a stream.
    fn path(&self) -> Option<Path> {
        None
    }
    /// Called with each committed state: what must be looked at from now on.
    fn watched(&self, _version: i64, _watch: &Watch) {}
}

impl Noun for Space {
    type Child = Experience;
    fn rules(rules: &Rules) -> Decide<Space> {
        rules.space
    }
    fn shelf(registry: &Registry) -> &Shelf<Space> {
        &registry.spaces
    }
}

impl Noun for Experience {
    type Child = Stream;
    fn rules(rules: &Rules) -> Decide<Experience> {
        rules.experience
    }
    fn shelf(registry: &Registry) -> &Shelf<Experience> {
        &registry.experiences
    }
}

impl Noun for Stream {
    type Child = Nothing;
    fn rules(rules: &Rules) -> Decide<Stream> {
        rules.stream
    }
    fn shelf(registry: &Registry) -> &Shelf<Stream> {
        &registry.streams
    }
    fn counted(&self) -> Option<&'static str> {
        Some(self.phase.as_str())
    }
    fn path(&self) -> Option<Path> {
        Some(Path { space: self.space.clone(), experience: self.experience.clone(), stream: self.id.clone() })
    }
    fn watched(&self, version: i64, watch: &Watch) {
        watch.note(&self.id, version, Watched::of(self));
    }
}

/// What a stream supervises: nothing. Has no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nothing {}

/// Never said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing here")]
pub struct NoSuchThing;

impl Machine for Nothing {
    const KIND: Kind = Kind::Stream;
    type Event = Nothing;
    type Rejection = NoSuchThing;
    fn begin(_now: Timestamp, event: Nothing) -> Result<(Nothing, Vec<Effect>), NoSuchThing> {
        match event {}
    }
    fn apply(&mut self, _now: Timestamp, event: Nothing) -> Result<Vec<Effect>, NoSuchThing> {
        match event {}
    }
    fn index(&self) -> Index {
        match *self {}
    }
    fn event_name(event: &Nothing) -> &'static str {
        match *event {}
    }
    fn cause(event: &Nothing) -> &'static str {
        match *event {}
    }
}

impl Noun for Nothing {
    type Child = Nothing;
    fn rules(_: &Rules) -> Decide<Nothing> {
        Decide::default()
    }
    fn shelf(registry: &Registry) -> &Shelf<Nothing> {
        &registry.nothing
    }
}
