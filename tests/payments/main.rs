//! Payments: the client of Stripe against the sandbox, each test with a sandbox of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod alone;
mod cards;
mod disputes;
mod idempotency;
mod limits;
mod outages;
mod refunds;
mod saved;
mod shapes;
mod shop;
mod stripe_mock;
mod webhooks;
