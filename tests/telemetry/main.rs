//! What operators rely on: dashboards that show real figures, routes, reports of errors.

mod dashboards;
mod reports;
mod routes;
