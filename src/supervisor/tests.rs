use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

use super::*;

fn failures(supervisor: &Supervisor, task: Task) -> u64 {
    let failures = supervisor.failures();
    failures.with_label_values(&[task.name()]).get()
}

#[test]
fn every_task_has_a_name_of_its_own_and_is_counted_from_zero() {
    let names: HashSet<_> = Task::ALL.iter().map(|task| task.name()).collect();
    assert_eq!(names.len(), Task::ALL.len());

    let supervisor = Supervisor::default();
    let series = prometheus::core::Collector::collect(supervisor.failures());
    assert_eq!(series[0].get_metric().len(), Task::ALL.len());
    assert!(supervisor.failed().is_empty());
}

#[test]
fn pauses_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
    let short = Duration::from_millis(5);
    let mut pauses = Vec::new();
    let mut pause = Duration::ZERO;
    for _ in 0..9 {
        pause = next_pause(pause, short);
        pauses.push(pause.as_secs());
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);

    let long = LONGEST_PAUSE + short;
    assert_eq!(next_pause(pause, long), FIRST_PAUSE);
}

/// Runs a task that fails in this way the first time; returns when it runs again.
async fn until_it_runs_again(supervisor: &Supervisor, task: Task, fail: fn()) {
    let (runs, again) = (AtomicU32::new(0), Arc::new(Notify::new()));
    let (stop, seen) = (supervisor.stop_token(), again.clone());
    supervisor.run(&Handle::current(), task, move || {
        let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
        let (stop, seen) = (stop.clone(), seen.clone());
        async move {
            if is_first {
                return fail();
            }
            seen.notify_one();
            stop.cancelled().await;
        }
    });
    again.notified().await;
}

#[tokio::test]
async fn a_task_that_panics_or_ends_is_started_again_until_the_stop() {
    let supervisor = Supervisor::default();

    tokio::join!(
        until_it_runs_again(&supervisor, Task::SmsRelay, || panic!("once")),
        until_it_runs_again(&supervisor, Task::Overview, || {}),
    );
    supervisor.stop();
    supervisor.stopped().await;

    for task in [Task::SmsRelay, Task::Overview] {
        assert_eq!(failures(&supervisor, task), 1, "{task:?}");
    }
    let failed: Vec<_> = supervisor.failed().into_iter().map(|it| it.0).collect();
    assert_eq!(failed, [Task::SmsRelay, Task::Overview]);
}

#[tokio::test]
async fn a_task_without_which_nothing_is_sold_is_fatal_and_not_started_again() {
    let supervisor = Supervisor::default();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = runs.clone();
    supervisor.run(&Handle::current(), Task::Listener, move || {
        seen.fetch_add(1, Ordering::SeqCst);
        async { panic!("of the listener") }
    });

    assert_eq!(supervisor.fatal().await, Task::Listener);
    supervisor.stopped().await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(failures(&supervisor, Task::Listener), 1);
}

#[tokio::test]
async fn a_task_whose_owner_has_gone_may_end() {
    let supervisor = Supervisor::default();
    let owner = CancellationToken::new();
    let within = supervisor.within(owner.clone());
    within.run(&Handle::current(), Task::Reader, move || {
        owner.clone().cancelled_owned()
    });

    within.stop();
    within.stopped().await;

    assert_eq!(failures(&supervisor, Task::Reader), 0);
}
