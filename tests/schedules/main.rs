//! The concurrent cores, in every relevant order of steps.
//!
//! The cores' own source is compiled here a second time, against locks and counters of `shuttle`
//! (`sync.rs`), which gives each next step to a thread of its choice. A fault that no load test
//! meets in a year is found in a second, and a failure prints a schedule that reproduces it.
//!
//! Beside each property is a test in which its protection is missing and which requires that the
//! fault is found: a checker that finds nothing proves nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps has found what it looks for"
)]

#[path = "../../src/store/engine/writer/batch.rs"]
mod batch;
#[path = "../../src/actors/registry/in_play.rs"]
mod in_play;
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

/// How many schedules of each kind, unless `MALIPO_TEST_SCHEDULES` sets another number.
const SCHEDULES: usize = 3_000;
/// Switches of the running thread that a fault may need: few do (Burckhardt et al., 2010).
const DEPTH: usize = 3;

/// Runs `story` in many schedules: at random, and with few switches at the worst moments.
fn in_every_schedule(story: impl Fn() + Clone + Send + Sync + 'static) {
    let asked = std::env::var("MALIPO_TEST_SCHEDULES").ok();
    let schedules = asked.map_or(SCHEDULES, |asked| asked.parse().unwrap());
    let random = RandomScheduler::new(schedules);
    Runner::new(random, Config::new()).run(story.clone());
    let few_changes = PctScheduler::new(DEPTH, schedules);
    Runner::new(few_changes, Config::new()).run(story);
}

/// Asserts that some schedule of `story` fails, and with the message `how`.
#[track_caller]
fn is_found_out(story: impl Fn() + Clone + Send + Sync + 'static, how: &str) {
    let found = catch_unwind(AssertUnwindSafe(|| in_every_schedule(story)));
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
