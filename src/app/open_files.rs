//! How many polls may be parked: well below what the machine gives us in files, so that
//! webhooks always find a connection.

use std::fs;

/// More waiters than this no hotspot has.
const MOST: usize = 20_000;

/// The smaller of 20000 and three quarters of the soft limit of open files.
pub(super) fn default_waiters() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    soft_limit(&limits).map_or(MOST, |limit| MOST.min(limit / 4 * 3))
}

/// The table of `proc_pid_limits(5)`: name, soft limit, hard limit, unit.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_counts() {
        let table = "Limit Soft Limit Hard Limit Units\nMax open files            1024                 4096                 files\n";

        assert_eq!(soft_limit(table), Some(1024));
        assert_eq!(soft_limit("Max open files unlimited unlimited files"), None);
        assert!(default_waiters() > 0);
    }
}
