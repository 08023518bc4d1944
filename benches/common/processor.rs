//! CPU time of the server, of the client, and of everything else on the machine, which is mostly the
//! database.

use std::fs;

use super::Outcome;
use super::server::Server;

/// Linux reports CPU times in hundredths of a second (`USER_HZ`, `proc(5)`).
const TICKS_A_SECOND: f64 = 100.0;

/// Seconds of CPU time since an unspecified start.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub server: f64,
    pub client: f64,
    pub rest: f64,
}

impl Spent {
    /// The CPU time used until now.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn so_far(server: &Server) -> Outcome<Self> {
        let all = fs::read_to_string("/proc/stat")?;
        let line = all.lines().next().ok_or("/proc/stat is empty")?;
        let ticks: Vec<f64> = line
            .split_whitespace()
            .skip(1)
            .filter_map(|word| word.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq
        let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at));
        let busy: f64 = busy.sum::<f64>() / TICKS_A_SECOND;
        let (server, client) = (of_process(server.id())?, of_process(std::process::id())?);
        Ok(Self {
            server,
            client,
            rest: busy - server - client,
        })
    }

    /// The time since `before`, divided by `count`, in microseconds.
    pub fn micros_each(self, before: Self, count: usize) -> [f64; 3] {
        [
            self.server - before.server,
            self.client - before.client,
            self.rest - before.rest,
        ]
        .map(|seconds| seconds * 1e6 / count.max(1) as f64)
    }
}

/// User and system time of a process and its threads: fields 14 and 15 of `stat`. The second field is
/// the command name in parentheses, which may contain spaces.
fn of_process(id: u32) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || -> Outcome<f64> { Ok(fields.next().ok_or("/proc is short")?.parse()?) };
    Ok((next()? + next()?) / TICKS_A_SECOND)
}
