//! Periodic jobs. Each has a `run_once` that a test calls.

pub mod reconciler;
pub mod relay;
pub mod retention;
