//! Threads that wake each other all the time stay on one core.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Has this thread, and those that it starts, run on one core from now on; the last one that it
/// may use, because most machines interrupt the first. A thread that may use only one, or whose
/// system does not let it choose, is left alone.
pub(super) fn stay_on_one() {
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    if allowed.count() < 2 {
        return;
    }
    let last = (0..CpuSet::MAX_CPU)
        .rev()
        .find(|core| allowed.is_set(*core));
    if let Some(last) = last {
        let mut one = CpuSet::new();
        one.set(last);
        // Only a little slower without.
        let _ = sched_setaffinity(None, &one);
    }
}
