//! Metrics, log lines and traces.

pub mod metrics;
mod sliding;
pub mod telemetry;
