//! The server of Backstage Pass: pages, API, sockets and adapters around the actors.

pub mod db;
pub mod store;
