//! The core: what a webhook means. No async, no I/O, no clock, no randomness.
//!
//! Read [`decide`](order::decide::decide) first: it is the whole business in one `match`. The other
//! files are its nouns. A value here is valid once it exists, because the edges parse into it; it is
//! not checked again.

#[macro_use]
mod hidden;

pub mod access;
pub mod catalog;
pub mod clean_text;
pub mod health;
pub mod history;
pub mod order;
pub mod outbox_hold;
pub mod pacing;
pub mod people;
pub mod rfc3339;
pub mod search;
pub mod shop_day;
pub mod sms_text;
