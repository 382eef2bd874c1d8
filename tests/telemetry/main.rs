//! What operators rely on: dashboards that show real figures, routes, reports of errors.

#![allow(clippy::disallowed_methods, reason = "a test has no Clock port and reads where its programs are")]

mod dashboards;
mod reports;
mod routes;
