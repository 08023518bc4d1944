//! End-to-end tests through HTTP: a server in this process, or the binary itself, with a database
//! of its own for each test, on SQLite and on PostgreSQL.
//!
//! They are one binary, so that the library is linked once. A test's name is a sentence about what
//! a guest, an operator or ZenoPay sees.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test has no other clock")]

#[macro_use]
mod harness;

mod acts;
mod attacks;
mod batches;
mod buying;
mod cancelled;
mod cluster;
mod command_line;
mod concurrency;
mod configuration;
mod console;
mod crowds;
mod databases;
mod deadlines;
mod disk;
mod doctor;
mod drill;
#[cfg(debug_assertions)]
mod failpoints;
mod gateway;
mod history;
mod long_poll;
mod model;
mod operators;
mod overload;
mod owner_link;
mod pages;
mod peers;
mod printed;
mod privacy;
mod radius;
mod reads;
mod reconciling;
mod recovery;
mod running;
mod slow_database;
mod sms;
mod sms_link;
#[cfg(debug_assertions)]
mod tasks;
mod torture;
mod unique_keys;
mod webhook;
mod writing;
