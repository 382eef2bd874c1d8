//! The front page, and the page of errors.

pub mod routes;
pub mod views;
