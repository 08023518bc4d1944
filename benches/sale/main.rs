//! Webhooks: how many a second, how quickly, and beside what. The server is the real one in a
//! process of its own; the yardsticks take turns with it in the same sitting.
//!
//! `pgbench` and `raw_sqlite` are what it is held against, `beside` takes turns with them, and
//! `figures` measures what has no yardstick but the server itself. `purchases` measures all that one
//! guest causes, with `zenopay` as the gateway. docs/performance.md says why.

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
