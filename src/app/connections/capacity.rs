//! How many connections and parked polls the limit of open files allows.

use std::fs;

/// More parked polls than a hotspot has guests.
const WAITERS_MAX: usize = 20_000;
/// More connections than a process can serve, where the number of files is not limited.
const FILES_MAX: usize = 1_000_000;
/// Files of the process itself, besides pushes: about sixty of the database's connections, event loops and
/// logs; and calls to servers that may be silent: 24 status checks, eight SMS and as many receipts, sixteen
/// Disconnect-Requests, sixteen guests for whom FreeRADIUS is asked.
const OWN_FILES: usize = 132;
/// The same with some pushes, where few files may be open.
const RESERVED_MIN: usize = OWN_FILES + 24;

/// Connections that polls leave to all other requests, even where few files may be open.
const OTHERS_MIN: usize = 40;

/// The shares of the open files, of which each connection is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections that are accepted.
    pub accepted: usize,
    /// From this number on, connections that wait for their client are closed; a few less, so that a new
    /// one is always accepted.
    pub connections: usize,
    /// Pushes under way: each holds a file of the process, and the connection of its guest, while ZenoPay
    /// does not answer.
    pub pushes: usize,
    /// The most parked polls that leave connections to all other requests.
    waiters_max: usize,
    /// Parked polls, unless another number is configured.
    waiters: usize,
}

impl Capacity {
    /// The shares of this process.
    pub fn of_process() -> Self {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self::of(soft_limit(&limits).unwrap_or(FILES_MAX).min(FILES_MAX))
    }

    fn of(files: usize) -> Self {
        let reserved = RESERVED_MIN.max(files / 8).min(files / 8 * 5);
        let accepted = files - reserved;
        let others = OTHERS_MIN
            .max(accepted / 8 + accepted / 64)
            .min(accepted / 2);
        let waiters_max = accepted - others;
        Self {
            accepted,
            connections: accepted - accepted / 16,
            pushes: reserved.saturating_sub(OWN_FILES).clamp(1, others / 2),
            waiters_max,
            waiters: WAITERS_MAX.min(files / 4 * 3).min(waiters_max),
        }
    }

    /// How many polls may be parked.
    pub fn waiters(&self, configured: Option<usize>) -> usize {
        configured.unwrap_or(self.waiters).min(self.waiters_max)
    }
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
    }

    #[test]
    fn polls_and_pushes_leave_connections_to_others_and_these_leave_files_to_the_process() {
        let shares = |files| {
            let it = Capacity::of(files);
            (it.accepted, it.connections, it.waiters(None), it.pushes)
        };

        assert_eq!(shares(256), (100, 94, 60, 20));
        assert_eq!(shares(1_024), (868, 814, 747, 24));
        assert_eq!(shares(65_536), (57_344, 53_760, 20_000, 4_032));
        assert_eq!(Capacity::of(65_536).waiters(Some(30_000)), 30_000);
        assert_eq!(Capacity::of(1_024).waiters(Some(30_000)), 747);
        for files in 64..4_096 {
            let (accepted, connections, waiters, pushes) = shares(files);
            assert!(
                waiters + pushes < connections
                    && connections < accepted
                    && accepted + pushes < files,
                "{files}"
            );
        }
    }
}
