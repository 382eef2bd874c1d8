//! The server of Backstage Pass: pages, API, sockets and adapters around the actors.

pub mod config;
pub mod db;
pub mod store;
