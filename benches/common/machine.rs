//! A description of the machine. Ratios can be compared between machines, other figures cannot.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use super::database::folder;
use super::{Outcome, median};

/// Number of synced writes of 4 KiB that measure the disk.
const SYNCS: usize = 100;

/// The machine and the commit of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub kernel: String,
    /// Median of appending four kilobytes and `fdatasync`, in milliseconds.
    pub disk_sync_ms: f64,
    /// The 1-minute load average when the run began. Above 0.5, other programs were running.
    pub load_before: String,
    /// The commit, and whether the working tree has changes.
    pub commit: String,
    pub profile: &'static str,
}

impl Machine {
    /// Inspects this machine.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub fn here() -> Outcome<Self> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name| {
            let line = text.lines().find(|line: &&str| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned())
        };
        let kib = value(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kib: u64 = kib.trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Self {
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kib.div_ceil(1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk_sync_ms: disk_sync_ms()?,
            load_before: read("/proc/loadavg")
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            commit: commit(),
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
        })
    }

    /// The description in one line.
    pub fn description(&self) -> String {
        format!(
            "{}, {} cores, {} GiB, Linux {}; {:.2} ms to append 4 KiB and fdatasync; load {} at the start; commit {}, {} profile",
            self.processor,
            self.cores,
            self.memory_gib,
            self.kernel,
            self.disk_sync_ms,
            self.load_before,
            self.commit,
            self.profile
        )
    }
}

fn disk_sync_ms() -> Outcome<f64> {
    let path = folder()?.join(format!("sync-{}", std::process::id()));
    let mut file = fs::File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    fs::remove_file(path)?;
    Ok(median(&took))
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.args(arguments).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--", "src", "Cargo.lock"]) {
        Some(changes) if changes.is_empty() => commit,
        Some(_) | None => format!("{commit} and changes"),
    }
}
