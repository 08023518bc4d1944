//! The locks and counters of the concurrent cores.
//!
//! `tests/schedules` compiles them a second time with locks whose scheduling the test controls, so
//! they import their locks only from here.

pub use std::sync::Arc;

pub use dashmap::DashMap;
pub use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
