//! Waiting guests: the delay of their notification, the memory of a parked poll, and the effect of parked
//! polls on webhooks. There are two processes: the server, and this one with all clients.

use std::process::ExitCode;

#[path = "../common/mod.rs"]
mod common;

mod figures;
mod notified;

use common::Outcome;
use common::options::{Kind, Options};
use common::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench wait: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let options = Options::read()?;
    let mut report = Report::begin("wait", &options)?;
    for kind in [Kind::Postgres, Kind::Sqlite] {
        if options.wants(kind) {
            figures::measure(kind, &options, &mut report)?;
        }
    }
    report.end(&options)
}
