//! ZenoPay's payloads. One file a payload; the simulated gateway writes the same types that
//! we read or send.
//!
//! # Invariants
//! Whatever the bytes, reading ends in a value or in an answer that says "unreadable" or
//! "unknown". It never panics and never guesses.

mod create;
mod fields;
mod order_status;
mod webhook;

pub use create::{CreateAnswer, CreateBody, CreateRequest, read_create};
pub use order_status::{OrderStatusBody, OrderStatusRow, StatusAnswer, Why, read_order_status};
pub use webhook::{Notification, Unreadable, WebhookBody, read_webhook};

#[cfg(test)]
pub(super) mod tests;
