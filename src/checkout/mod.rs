//! Checkout: before anybody has to sign in.

pub mod routes;
pub mod views;
