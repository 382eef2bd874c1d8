//! What operators see: figures ([`metrics`]), logs ([`logs`]), reports of errors ([`reports`]), health ([`health`]), and
//! the routes `/healthz`, `/readyz`, `/metrics` ([`routes`]).

pub mod health;
pub mod http;
pub mod logs;
pub mod media;
pub mod metrics;
pub mod promises;
pub mod reports;
pub mod routes;

pub use health::{Health, Part, Report, Weight};
pub use metrics::Metrics;
pub use promises::Promises;
pub use routes::{Telemetry, routes};
