//! People.

pub mod api;
pub mod contact;
pub mod store;

pub use contact::{Contact, NotAContact};

/// Longest shown name in characters.
pub const NAME_CHARS_MAX: usize = 80;
/// The name of somebody who has told none: a number must not become one, since names are seen by others.
pub const NAMELESS: &str = "Guest";
