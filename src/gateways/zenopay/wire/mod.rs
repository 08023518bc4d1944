//! ZenoPay's payloads, one file each.
//!
//! # Invariants
//! Any bytes are read as a value, or as an answer that says "unreadable" or "unknown". Reading
//! never panics and never guesses.

mod create;
mod fields;
mod order_status;
mod webhook;

pub use create::{CreateAnswer, CreateRequest, read_create};
pub use order_status::{StatusAnswer, Why, read_order_status};
pub use webhook::{Notification, Unreadable, WebhookBody, read_webhook};

#[cfg(test)]
pub(super) mod tests;
