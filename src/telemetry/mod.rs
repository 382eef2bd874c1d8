//! What operators see: figures ([`metrics`]), logs, reports of errors, health.

pub mod metrics;

pub use metrics::Metrics;
