//! Whether the server is well, in words: what an operator reads before any number.
//!
//! [`Readings`] are what was measured; [`alerts`] says what of it an operator must look at. No alert
//! means that all is well.

mod alerts;
mod signs;

pub use alerts::{Alert, Gravity, alerts};
pub use signs::{Database, Readings};
