//! Throughput and latency of webhooks, in comparison with baselines. The server is the release binary in
//! its own process. Baselines and server alternate in one run.
//!
//! `pgbench` and `raw_sqlite` are the baselines, and `beside` alternates them with the server. `figures`
//! measures what only the server does. `purchases` measures whole purchases, with `zenopay` as the
//! gateway. docs/performance.md explains the choice.

use std::process::ExitCode;

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod figures;
mod pgbench;
mod purchases;
mod raw_sqlite;
mod zenopay;

use common::Outcome;
use common::options::{Kind, Options};
use common::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench sale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let options = Options::read()?;
    let mut report = Report::begin("sale", &options)?;
    for kind in [Kind::Postgres, Kind::Sqlite] {
        if options.wants(kind) {
            figures::measure(kind, &options, &mut report)?;
            if options.wants_figure("purchases") {
                purchases::measure(kind, &options, &mut report)?;
            }
        }
    }
    report.end(&options)
}
