//! What operators rely on: dashboards that show real figures, routes, reports of errors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

mod dashboards;
mod reports;
mod routes;
