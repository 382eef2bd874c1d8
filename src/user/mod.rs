//! People.

pub mod api;
pub mod store;

/// Longest shown name in characters.
pub const NAME_CHARS_MAX: usize = 80;
