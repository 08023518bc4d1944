//! The tables of `malipo`, one file a table, as sea-orm entities in the dense format.
//!
//! These types are for reading and writing rows; the schema itself (column types, checks, indexes)
//! is `migration`'s, and nothing here creates a table. Only `store` may import this crate. Words
//! that come from a closed set (`status`, `state`, …) are plain text here: the domain's enums parse
//! them, the schema's checks hold them.
//!
//! On both databases times are UTC and money is whole units of its currency. Rows hold phones,
//! codes and secrets, and derive `Debug` for tests: never log one.

// The shop.
pub mod customers;
pub mod invoices;
pub mod packages;
pub mod payments;
pub mod voucher_batches;
pub mod vouchers;

// Told and heard.
pub mod audit_events;
pub mod gateway_calls;
pub mod order_events;
pub mod outbox_holds;
pub mod outbox_messages;
pub mod sms_messages;
pub mod webhook_deliveries;

// Who runs it.
pub mod login_failures;
pub mod operator_sessions;
pub mod operators;

// FreeRADIUS's own tables.
pub mod nas;
pub mod radacct;
pub mod radcheck;
pub mod radgroupcheck;
pub mod radgroupreply;
pub mod radpostauth;
pub mod radreply;
pub mod radusergroup;

// The simulated ZenoPay.
pub mod sandbox_payments;
pub mod sandbox_switches;
pub mod sandbox_webhooks;
