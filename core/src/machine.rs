//! What every aggregate is: state that changes only by `apply`.

use crate::effect::Effect;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// Which aggregate a row, an event or a timer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A [`crate::space::Space`].
    Space,
    /// A [`crate::experience::Experience`].
    Experience,
    /// A [`crate::stream::Stream`].
    Stream,
}

impl Kind {
    /// The name used in the store and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Space => "space",
            Kind::Experience => "experience",
            Kind::Stream => "stream",
        }
    }

    /// Reads [`Kind::as_str`] back.
    pub fn parse(text: &str) -> Option<Kind> {
        match text {
            "space" => Some(Kind::Space),
            "experience" => Some(Kind::Experience),
            "stream" => Some(Kind::Stream),
            _ => None,
        }
    }
}

/// Where an aggregate hangs and how it is looked up; stored beside the state, never read back into it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// Id of the aggregate above: an experience's space, a stream's experience, a space's team.
    pub parent: String,
    /// The address part unique among siblings (spaces: unique everywhere). `None` where there is none.
    pub slug: Option<String>,
    /// Phase as a word, for lists and for the fence of one open stream per experience.
    pub phase: &'static str,
}

/// A pure state machine.
///
/// A rejected event leaves the state as it was. The same state, time and event always give the same result.
pub trait Machine: Sized + Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Unpin + 'static {
    /// Which aggregate this is.
    const KIND: Kind;
    /// Commands (imperative) and facts (past tense) it understands.
    type Event: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;
    /// Why an event is refused.
    type Rejection: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// The state after the first event of a life; rejected when the event cannot be a first one.
    fn begin(now: Timestamp, event: Self::Event) -> Result<(Self, Vec<Effect>), Self::Rejection>;
    /// Takes one more event. Effects come in the order in which they should be performed.
    fn apply(&mut self, now: Timestamp, event: Self::Event) -> Result<Vec<Effect>, Self::Rejection>;
    /// Look-up columns of the present state.
    fn index(&self) -> Index;
    /// Name of an event in the timeline, snake_case.
    fn event_name(event: &Self::Event) -> &'static str;
    /// Who or what caused it, as a code for the timeline: `creator`, `media_server`, `timer`, `sweep`, ...
    fn cause(event: &Self::Event) -> &'static str;
    /// Name and cause as the timeline tells them, knowing what the event led to from `before`.
    fn told(&self, _before: Option<&Self>, event: &Self::Event) -> (&'static str, &'static str) {
        (Self::event_name(event), Self::cause(event))
    }
}
