//! Access passes: what a space offers, and who holds what. A pass always opens its space, and those of its experiences
//! that the team toggled.

pub mod api;
pub mod form;
pub mod grants;
pub mod held;
pub mod offer;
pub mod order;
pub mod routes;
pub mod store;
pub mod views;

/// Whether a pass is on offer. Those who hold it keep it in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Seen by the team only.
    Draft,
    /// On offer.
    Published,
    /// No longer on offer.
    Archived,
}

impl Status {
    /// All of them, as a form lists them.
    pub const ALL: [Status; 3] = [Status::Draft, Status::Published, Status::Archived];

    /// The name used in the store, in forms and in the locale file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Published => "published",
            Status::Archived => "archived",
        }
    }

    /// Reads [`Status::as_str`] back.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }
}
