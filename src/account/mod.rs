//! The person's own page: name and sessions.

pub mod routes;
pub mod views;
