//! Every place in `src` that starts a task or a thread. The supervisor (`src/supervisor`) starts
//! long-running tasks and restarts them. The tasks listed here end by themselves, and their caller or
//! owner gets the result.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::rust_files;

/// File, number of spawns in it, and why they need no supervisor.
#[rustfmt::skip]
const SPAWNS: &[(&str, usize, &str)] = &[
    ("supervisor/mod.rs", 2, "the supervisor itself, and work that ends, which a stop waits for"),

    ("http_client.rs", 1, "one look-up of a name, awaited"),
    ("actors/status_checks.rs", 1, "one status check, whose callers share its end"),
    ("actors/receive/mod.rs", 1, "one follow-up of unverified webhooks, whose followers share its end"),
    ("actors/mod.rs", 1, "one delivery, which its answer waits for"),
    ("actors/order/acts.rs", 1, "one act of an operator"),
    ("checkout/mod.rs", 1, "one purchase and its push"),
    ("http/portal/purchase.rs", 1, "what is done for one guest after the answer, limited by `Api::helping`"),
    ("jobs/reconciler/mod.rs", 1, "one ask, in the loop's own set"),
    ("jobs/relay/mod.rs", 1, "one SMS to send, in the round's own set"),
    ("jobs/relay/disconnects.rs", 1, "the sessions of one router to end, in the loop's own set"),
    ("sandbox/courier.rs", 1, "one webhook, in the loop's own set"),
    ("jobs/retention/mod.rs", 3, "one file, or all of them for an erasure, counted and changed, awaited"),
    ("observability/telemetry.rs", 2, "one export of traces, awaited, and the last ones, awaited by the stop"),

    ("app/mod.rs", 1, "the end of an arbiter, awaited by the stop"),
    ("app/machinery.rs", 1, "on an arbiter, for the supervised task that watches it"),
    ("app/listener.rs", 1, "the server, watched by a supervised task"),

    ("store/engine/runtime.rs", 1, "one piece of database work, awaited"),
    ("store/engine/pool/mod.rs", 1, "one attempt to replace a pool"),
    ("store/operators/hashing.rs", 1, "one hash of a password, awaited"),
    ("store/engine/writer/lane.rs", 1, "one change, whose caller learns of its loss"),
];

/// Texts of calls that start a task or a thread.
const CALLS: [&str; 5] = [
    "spawn(",
    "spawn_on(",
    "spawn_local(",
    "spawn_blocking(",
    "thread::Builder",
];

fn calls_in(source: &str) -> usize {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let calls = code.map(|line| {
        let calls = CALLS.iter().map(|call| line.matches(call).count());
        calls.sum::<usize>()
    });
    calls.sum()
}

#[test]
fn every_long_running_task_goes_through_the_supervisor() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    for path in rust_files(&src).unwrap() {
        let file = path
            .strip_prefix(&src)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let calls = calls_in(&fs::read_to_string(&path).unwrap());
        if calls > 0 {
            found.insert(file, calls);
        }
    }

    let listed: BTreeMap<_, _> = SPAWNS
        .iter()
        .map(|(file, calls, _)| ((*file).to_owned(), *calls))
        .collect();

    assert_eq!(
        found, listed,
        "start a long-running task with `Supervisor::run`; \
         list a task that ends by itself in tests/layers/spawns.rs, with the reason"
    );
}

#[test]
fn a_spawn_is_found_however_it_is_written() {
    for code in [
        "tokio::spawn(f());",
        "self.background.spawn(f())",
        "    .spawn(async move {",
        "let task = runtime.spawn_blocking(f);",
        "std::thread::spawn(f)",
        "thread::Builder::new()",
        "set.spawn_on(f, handle)",
        "actix_rt::task::spawn_local(f)",
    ] {
        assert_eq!(calls_in(code), 1, "{code}");
    }
    assert_eq!(calls_in("// tokio::spawn(f())"), 0);
    assert_eq!(calls_in("spawner.run()"), 0);
}
