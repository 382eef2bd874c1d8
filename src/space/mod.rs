//! Spaces: the sales page, and its forms in the studio.

pub mod api;
pub mod form;
pub mod routes;
pub mod shown;
pub mod store;
pub mod views;

/// Accent colours a space can have; the first one is the default.
pub const ACCENTS: [&str; 7] = ["amber", "coral", "rose", "violet", "blue", "teal", "green"];
