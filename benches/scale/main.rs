//! Scale: a table with millions of rows, a hundred thousand actors, a second process.

use std::process::ExitCode;

#[path = "../common/mod.rs"]
mod common;

mod actors;
mod processes;
mod rows;

use common::Outcome;
use common::options::{Kind, Options};
use common::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let options = Options::read()?;
    let mut report = Report::begin("scale", &options)?;
    if options.wants(Kind::Postgres) {
        println!("PostgreSQL");
        if options.wants_figure("actors") {
            actors::measure(&options, &mut report)?;
        }
        if options.wants_figure("processes") {
            processes::measure(&options, &mut report)?;
        }
        if options.wants_figure("rows") {
            rows::measure(Kind::Postgres, options.rows, &options, &mut report)?;
        }
    }
    if options.wants(Kind::Sqlite) && options.wants_figure("rows") {
        println!("SQLite");
        // SQLite fills a table on one core, so that a fifth of the rows takes as long.
        rows::measure(Kind::Sqlite, options.rows / 5, &options, &mut report)?;
    }
    report.end(&options)
}
