//! The server of Backstage Pass: pages, API, sockets and adapters around the actors.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod db;
pub mod doctor;
pub mod store;
pub mod telemetry;
pub mod webhooks;
