//! The studio: what a team works with.

pub mod routes;
pub mod views;
