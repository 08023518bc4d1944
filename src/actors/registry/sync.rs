//! What the concurrent cores lock and count with.
//!
//! `tests/schedules` compiles the cores a second time against locks that hand each next step to
//! a thread of the test's choice, so a core takes them from here and from nowhere else.

pub use std::sync::Arc;

pub use dashmap::DashMap;
pub use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
