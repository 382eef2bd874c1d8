//! The public side of a person: `/@handle`.

pub mod routes;
pub mod store;
pub mod views;
