//! The whole server on a free port with a database of its own, asked over HTTP as browsers and strangers would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod access;
mod access_table;
mod api;
mod attacks;
mod books;
mod browser;
mod buying;
mod crawl;
mod delivery;
mod embeds;
mod house;
mod keeping;
mod live;
mod lobby;
mod pages;
mod passes;
mod phones;
mod recordings;
mod sales;
mod security;
mod shop;
mod signing_in;
mod storm;
mod studio;
mod tenants;
mod texts;
