//! "Notify me": one mail for each stream of an experience that goes live, to whoever asked, until they turn it off.
//!
//! A row of `alerts` is wish and outbox in one: it names the stream that was mailed about last, so it is due whenever
//! another one is on air. A crash at any point loses nothing; a mail that may or may not have left is sent again under
//! the same message id.

pub mod letter;
pub mod post;
pub mod routes;
pub mod store;
pub mod views;

/// Alerts that one person may have.
pub const PER_PERSON_MAX: i64 = 200;
