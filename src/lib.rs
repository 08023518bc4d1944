//! `malipo` turns mobile-money webhooks into committed sales, exactly once however often and in
//! whatever order they come, and notifies the waiting portal at once.
//!
//! # Layout, in reading order
//!
//! - [`domain`]: what a webhook means. Pure. Start with `domain/order/decide.rs`.
//! - [`store`]: rows and transactions. A sale is `store/orders/commit.rs`, written by
//!   `store/engine/writer`.
//! - [`gateways`], [`sms`], [`radius`]: wire formats translated into the domain.
//! - [`actors`]: one actor per active order, and the status actor. A webhook's path is
//!   `http/webhook.rs` → `actors/receive` → `actors/registry` → `actors/order` →
//!   `domain/order/decide.rs` → `store/orders/commit.rs` → `actors/status`.
//! - [`checkout`]: a purchase, and printed vouchers that are sold for cash.
//! - [`jobs`]: the periodic jobs: relay, reconciler, retention. [`sandbox`] simulates ZenoPay.
//! - [`web`]: templates, texts and assets of pages.
//! - [`http`]: requests; all routes on one screen in `http/mod.rs`.
//! - [`drill`]: the test that each order is sold exactly once; the verdict is in
//!   `drill/check/mod.rs`.
//! - [`observability`], [`supervisor`], [`failpoint`]: metrics, logs and traces; restarts of
//!   long-running tasks; points at which a test makes a sale fail (without effect in an optimised
//!   build). [`http_client`]: the HTTP calls that this process makes. [`timekeeper`]: the clock for
//!   pauses.
//! - [`doctor`]: `malipo check`: tries everything that the server needs.
//! - [`app`]: wiring; start and stop.
//!
//! Dependencies point down only, which `tests/layers` checks.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test has no other clock")
)]

pub mod actors;
pub mod app;
pub mod checkout;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod drill;
pub mod failpoint;
pub mod gateways;
pub mod http;
pub mod http_client;
pub mod jobs;
pub mod observability;
pub mod radius;
pub mod sandbox;
pub mod sms;
pub mod store;
pub mod supervisor;
pub mod timekeeper;
pub mod web;
