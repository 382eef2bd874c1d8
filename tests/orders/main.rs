//! Orders in the store, on both databases: many buyers at once, and books that balance; and the whole program killed at
//! every step of a purchase.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../web/browser.rs"]
#[allow(dead_code)]
mod browser;
mod killed;
mod line;
mod server;
mod shop;
mod stock;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;
mod twice;
