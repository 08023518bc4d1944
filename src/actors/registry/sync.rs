//! The locks and counters of the concurrent cores.
//!
//! `tests/schedules` compiles the cores a second time against locks whose next step a test chooses, so
//! a core imports them from here alone.

pub use std::sync::Arc;

pub use dashmap::DashMap;
pub use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
