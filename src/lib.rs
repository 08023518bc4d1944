//! `malipo` turns each mobile-money webhook, exactly once however often and in whatever
//! order it comes, into a committed sale, and tells the waiting portal in the same instant.
//!
//! # Layout, in reading order
//!
//! - [`domain`]: what a delivery means. Start with `domain/decide.rs`.
//! - [`store`]: rows and transactions. The one that sells is `store/change.rs`.
//! - [`zenopay`], [`sms`], [`radius`]: the outside's words translated into ours.
//! - [`actors`]: one actor per order in play, and the status actor. A webhook's path is
//!   `http/webhook.rs` → `actors/intake.rs` → `actors/registry.rs` → `actors/order.rs` →
//!   `domain/decide.rs` → `store/change.rs` → `actors/status.rs`.
//! - [`printing`]: vouchers that are sold for cash.
//! - [`checkout`], [`relay`], [`reconciler`], [`retention`], [`sandbox`]: a purchase, and the
//!   loops.
//! - [`web`]: what people see; pages drawn on the server.
//! - [`http`]: in from the net; all routes on one screen in `http/mod.rs`.
//! - [`failpoint`]: where a test has a sale fail; empty in an optimised build.
//! - [`supervisor`]: runs the tasks that last as long as the server.
//! - [`drill`]: the proof that each order is sold exactly once; the verdict is
//!   `drill/check.rs`.
//! - [`app`]: who is given what; start and stop.
//!
//! Arrows point down only, which `tests/layers` checks.

pub mod actors;
pub mod app;
pub mod checkout;
pub mod cli;
pub mod config;
pub mod domain;
pub mod drill;
pub mod failpoint;
pub mod http;
pub mod metrics;
pub mod printing;
pub mod radius;
pub mod reconciler;
pub mod relay;
pub mod retention;
pub mod sandbox;
pub mod sms;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod timekeeper;
pub mod web;
pub mod zenopay;
