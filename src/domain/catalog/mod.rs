//! What is sold, for how much, and to whom a prompt may be sent.

pub mod admission;
pub mod money;
pub mod package;
pub mod purchase;

pub use admission::{History, Limits, Refusal, admit};
pub use money::{CURRENCY, Tzs};
pub use package::{Package, Terms, Validity};
pub use purchase::{IdempotencyKey, NotAnIdempotencyKey, PackageRef, Purchase, SecondPrompt};
