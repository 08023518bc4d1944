//! What stands under the server: its database, as it is found at the start and as it changes under the
//! running server, and its clock.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::harness::{Answer, TestApp};

mod clocks;
mod failover;
mod files;
mod full_disk;
mod log;
mod refusals;
mod values;

/// Starts a server that must refuse this database. One that serves is ended, with another exit code.
fn start(folder: &Path, database_url: &str) -> Output {
    Command::new("timeout")
        .args(["30", env!("CARGO_BIN_EXE_malipo"), "serve"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("MALIPO__DATABASE__URL", database_url)
        .env("MALIPO__SERVER__BIND", "127.0.0.1:0")
        .env("MALIPO__LOG__FILTER", "off")
        .output()
        .unwrap()
}

/// The readiness answer, as soon as it has this status.
async fn ready_when(app: &TestApp, status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = app.get(&app.url("/health/ready")).await;
        if answer.status == status {
            return answer;
        }
        let is_early = begun.elapsed() < Duration::from_secs(45);
        assert!(is_early, "still {}", answer.text);
        sleep(Duration::from_millis(50)).await;
    }
}

/// The reasons of a server that is not ready.
fn reasons(answer: &Answer) -> String {
    assert_eq!(answer.status, 503, "{}", answer.text);
    answer.json()["reasons"].to_string()
}
