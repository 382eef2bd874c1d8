//! Names of things. Ids are made outside the core (UUIDv7 text) and only carried here.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The text given is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters of a-z, A-Z, 0-9, - and _")]
pub struct NotAnId;

fn checked(text: &str) -> Result<Box<str>, NotAnId> {
    let fits = (1..=64).contains(&text.len());
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits && plain { Ok(text.into()) } else { Err(NotAnId) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes 1 to 64 characters of `a-z A-Z 0-9 - _`; anything else is [`NotAnId`].
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                checked(text).map(Self)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A space: what a team owns and people visit.
    SpaceId,
    /// An experience: one thing to do in a space; here, a live stream's home.
    ExperienceId,
    /// One broadcast from go-live to its end.
    StreamId,
    /// A person, signed in or a guest.
    UserId,
    /// A team that owns spaces.
    TeamId,
    /// An access pass on sale.
    PassId,
    /// One version of a pass's price.
    PriceId,
    /// A purchase.
    OrderId,
    /// A track a publisher sends, as its media server names it.
    TrackId,
    /// A live stream at the HLS provider, as the provider names it.
    BroadcastId,
}
