//! The decisions the owners run, as plain function pointers.
//!
//! Production uses [`Rules::default`]. The simulator plants bugs by swapping one, to prove that its checks find them.

use backstage_core::experience::Experience;
use backstage_core::space::Space;
use backstage_core::stream::Stream;
use backstage_core::{Effect, Machine, Timestamp};

/// A first decision and what it asks for.
pub type Begun<M> = Result<(M, Vec<Effect>), <M as Machine>::Rejection>;

/// How one kind of aggregate decides.
pub struct Decide<M: Machine> {
    /// See [`Machine::begin`].
    pub begin: fn(Timestamp, M::Event) -> Begun<M>,
    /// See [`Machine::apply`].
    pub apply: fn(&mut M, Timestamp, M::Event) -> Result<Vec<Effect>, M::Rejection>,
}

impl<M: Machine> Clone for Decide<M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M: Machine> Copy for Decide<M> {}

impl<M: Machine> Default for Decide<M> {
    fn default() -> Self {
        Decide { begin: M::begin, apply: M::apply }
    }
}

/// The decisions of every kind.
#[derive(Clone, Copy, Default)]
pub struct Rules {
    /// Of spaces.
    pub space: Decide<Space>,
    /// Of experiences.
    pub experience: Decide<Experience>,
    /// Of streams.
    pub stream: Decide<Stream>,
}
