//! How often others are called: circuits, budgets and schedules.

pub mod check_budget;
pub mod check_schedule;
pub mod circuit;
pub mod token_bucket;
