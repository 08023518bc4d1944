//! The core: what a delivery means. No async, no I/O, no clock, no dice.
//!
//! Read [`decide`](mod@decide) first: it is the whole business in one `match`. The other
//! files are its nouns. Everything here is a value that cannot be wrong once it exists,
//! because the edges parse into it; inside nobody checks again.

pub mod admission;
pub mod ask_budget;
pub mod ask_schedule;
mod base62;
pub mod circuit;
mod confirmation;
pub mod decide;
pub mod decision;
pub mod device;
pub mod evidence;
pub mod failure;
pub mod ids;
pub mod language;
pub mod mask;
pub mod money;
pub mod operator;
pub mod outbox_hold;
pub mod outcome;
pub mod owner_link;
pub mod package;
pub mod payment;
pub mod person;
pub mod personal;
pub mod phone;
pub mod purchase;
pub mod radius_health;
pub mod radius_user;
pub mod replacement;
pub mod reported_amount;
pub mod router;
pub mod sale;
pub mod search;
pub mod secret;
pub mod session;
pub mod shop_day;
pub mod signs;
pub mod sms_text;
pub mod state_link;
pub mod timeline;
pub mod token_bucket;
pub mod usage;
pub mod voucher;

#[cfg(test)]
mod decide_table;
