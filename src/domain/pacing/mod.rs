//! How often other services are called: circuit breakers, budgets, schedules and back-off. And how
//! often clients may call us.

use chrono::TimeDelta;

pub mod check_budget;
pub mod check_schedule;
pub mod circuit;
pub mod client_limit;
pub mod log_share;
pub mod look_ups;
pub mod outbox;
pub mod token_bucket;

pub use check_budget::{CheckBudget, Turns};
pub use circuit::{Circuit, CircuitChange, Flow};
pub use client_limit::{ClientId, RateLimit, Share};
pub use log_share::LogShare;
pub use look_ups::{LookUps, Turn};
pub use token_bucket::TokenBucket;

/// `first`, doubled this many times; never more than `longest`.
pub fn doubled(first: TimeDelta, times: i32, longest: TimeDelta) -> TimeDelta {
    (first * 2_i32.pow(times.clamp(0, 16).unsigned_abs())).min(longest)
}
