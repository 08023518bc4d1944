//! Tests the concurrent cores in many schedules.
//!
//! The source of the cores is compiled here a second time, with the locks and counters of `shuttle`
//! (`sync.rs`), which decides after each step which thread runs next. This finds faults that load
//! tests miss, and a failure prints a schedule that reproduces it.
//!
//! For each property another test has the protection missing and passes only if the fault is found.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../../src/actors/registry/active_orders.rs"]
mod active_orders;
#[path = "../../src/store/engine/writer/batch.rs"]
mod batch;
mod sync;
#[path = "../../src/actors/status/waiters.rs"]
mod waiters;

mod admission;
mod batches;
mod registry;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Number of schedules of each kind, unless `MALIPO_TEST_SCHEDULES` sets another one.
const SCHEDULES: usize = 3_000;
/// Number of ordering constraints that a fault may need; most faults need few (Burckhardt et al., 2010).
const DEPTH: usize = 3;

/// Runs `steps` in many schedules: random ones, and ones with few switches at chosen points (PCT).
fn in_every_schedule(steps: impl Fn() + Clone + Send + Sync + 'static) {
    let asked = std::env::var("MALIPO_TEST_SCHEDULES").ok();
    let schedules = asked.map_or(SCHEDULES, |asked| asked.parse().unwrap());
    let random = RandomScheduler::new(schedules);
    Runner::new(random, Config::new()).run(steps.clone());
    let few_changes = PctScheduler::new(DEPTH, schedules);
    Runner::new(few_changes, Config::new()).run(steps);
}

/// Asserts that a schedule of `steps` fails with the message `how`.
#[track_caller]
fn assert_fails_with(steps: impl Fn() + Clone + Send + Sync + 'static, how: &str) {
    let found = catch_unwind(AssertUnwindSafe(|| in_every_schedule(steps)));
    let fault = found.expect_err("the missing protection was not detected");
    let message = fault
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| fault.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    assert!(
        message.contains(how),
        "it failed with another message: {message}"
    );
}
