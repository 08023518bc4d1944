//! What the process shows of itself: metrics, log lines and traces.

pub mod metrics;
pub mod telemetry;
