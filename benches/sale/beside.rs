//! Compares the server with its baselines, in alternating runs. The program that is not measured is
//! idle. The server is not paused with SIGSTOP, because it tests each connection before and after use
//! for a minute after a pause.

use super::pgbench::{NOTHING, ONE_ROW, Pgbench, Script};
use super::raw_sqlite::{RawLoop, Settings};
use crate::common::client::millis;
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::{AtLeast, AtMost};
use crate::common::shop::Shop;
use crate::common::{Outcome, ratios};

/// An upper bound for the sales per second of the server and of the bare loop.
const MOST_SALES: f64 = 20_000.0;

/// PostgreSQL: compares the server with pgbench and with bare round trips.
///
/// # Errors
/// The error of the server, of pgbench or of the database.
pub fn pgbench(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    let mut pgbench = Pgbench::prepare(options)?;
    report.note(pgbench.settings()?);
    if options.wants_figure("throughput") {
        throughput(shop, &mut pgbench, options, report)?;
    }
    if options.wants_figure("latency") {
        latency(shop, &pgbench, options, report)?;
    }
    Ok(())
}

/// Compares webhooks, the textbook script and one function call per sale.
fn throughput(
    shop: &mut Shop,
    pgbench: &mut Pgbench,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let seconds = options.seconds;
    let orders = (MOST_SALES * seconds) as usize;
    let (clients, note) = pgbench.best_clients()?;
    report.note(note);

    let (mut ours, mut textbook, mut function) = (vec![], vec![], vec![]);
    let mut spent = Vec::new();
    for _ in 0..options.pairs {
        shop.prepare(orders)?;
        let answers = shop.sell(32, seconds)?;
        ours.push(answers.rate());
        spent.extend(answers.spent);
        textbook.push(pgbench.run(Script::Textbook, clients, seconds)?);
        function.push(pgbench.run(Script::FunctionCall, clients, seconds)?);
    }
    pgbench.must_balance()?;

    let of_textbook = ratios(&ours, &textbook);
    let of_function = ratios(&ours, &function);
    let name = "postgres-throughput";
    report.add(name, "PostgreSQL, webhooks, 32 connections", "/s", ours);
    report_cpu_time(report, Kind::Postgres, &spent);
    let name = "postgres-textbook";
    report.add(name, "pgbench, textbook, 11 statements", "/s", textbook);
    let name = "postgres-function";
    report.add(name, "pgbench, one function call", "/s", function);
    report.aim(
        AtLeast(1.6),
        "postgres-throughput-textbook",
        "PostgreSQL, webhooks ÷ textbook",
        "×",
        of_textbook,
    );
    report.aim(
        AtLeast(1.0),
        "postgres-throughput-function",
        "PostgreSQL, webhooks ÷ one function call",
        "×",
        of_function,
    );
    Ok(())
}

/// Compares sequential webhooks, three bare round trips, and the same round trips with one inserted row.
fn latency(
    shop: &mut Shop,
    pgbench: &Pgbench,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let seconds = options.seconds / 2.0;
    let (mut ours, mut bare, mut kept) = (vec![], vec![], vec![]);
    for _ in 0..options.pairs {
        shop.prepare((MOST_SALES * seconds) as usize)?;
        ours.push(millis(&shop.sell(1, seconds)?.latency, 50.0));
        let median = |middle| -> Outcome<f64> {
            let latency = pgbench.three_round_trips(middle, seconds / 2.0)?;
            Ok(millis(&latency, 50.0))
        };
        bare.push(median(NOTHING)?);
        kept.push(median(ONE_ROW)?);
    }

    let (of_bare, of_kept) = (ratios(&ours, &bare), ratios(&ours, &kept));
    let name = "postgres-latency";
    report.add(name, "PostgreSQL, 1 connection, p50", "ms", ours);
    let name = "postgres-latency-bare";
    report.add(name, "begin, select 1, commit, p50", "ms", bare);
    let name = "postgres-latency-one-row";
    report.add(name, "begin, insert one row, commit, p50", "ms", kept);
    report.add(
        "postgres-latency-of-bare",
        "PostgreSQL, 1 connection, p50 ÷ begin, select 1, commit",
        "×",
        of_bare,
    );
    report.aim(
        AtMost(4.5),
        "postgres-latency-of-one-row",
        "PostgreSQL, 1 connection, p50 ÷ begin, insert one row, commit",
        "×",
        of_kept,
    );
    Ok(())
}

/// SQLite: compares the server with a bare loop.
///
/// # Errors
/// The error of the server or of SQLite.
pub fn raw_loop(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    if !options.wants_figure("throughput") {
        return Ok(());
    }
    let seconds = options.seconds;
    let orders = (MOST_SALES * seconds) as usize;
    let mut raw = RawLoop::prepare()?;
    let (mut many, mut alone, mut plain) = (vec![], vec![], vec![]);
    let (mut one_by_one, mut sixteen) = (vec![], vec![]);
    let mut spent = Vec::new();
    for _ in 0..options.pairs {
        shop.prepare(orders)?;
        let answers = shop.sell(64, seconds)?;
        many.push(answers.rate());
        spent.extend(answers.spent);
        raw.set(Settings::Sqlite)?;
        plain.push(raw.run(1, seconds, orders)?);
        raw.set(Settings::Server)?;
        one_by_one.push(raw.run(1, seconds, orders)?);
        sixteen.push(raw.run(16, seconds / 2.0, orders)?);
        shop.prepare(orders)?;
        alone.push(shop.sell(1, seconds / 2.0)?.rate());
    }

    let of_raw = ratios(&many, &one_by_one);
    let alone_of_raw = ratios(&alone, &one_by_one);
    let of_plain = ratios(&many, &plain);
    let name = "sqlite-throughput";
    report.add(name, "SQLite, webhooks, 64 connections", "/s", many);
    report_cpu_time(report, Kind::Sqlite, &spent);
    let name = "sqlite-alone";
    report.add(name, "SQLite, webhooks, 1 connection", "/s", alone);
    let name = "sqlite-raw";
    report.add(name, "raw loop, 1 per transaction", "/s", one_by_one);
    let name = "sqlite-raw-16";
    report.add(name, "raw loop, 16 per transaction", "/s", sixteen);
    let name = "sqlite-raw-plain";
    report.add(name, "raw loop, SQLite's own settings", "/s", plain);
    report.add(
        "sqlite-throughput-raw-plain",
        "SQLite, webhooks, 64 connections ÷ raw loop with SQLite's own settings",
        "×",
        of_plain,
    );
    report.aim(
        AtLeast(2.0),
        "sqlite-throughput-raw",
        "SQLite, webhooks, 64 connections ÷ raw loop",
        "×",
        of_raw,
    );
    report.aim(
        AtLeast(0.44),
        "sqlite-alone-raw",
        "SQLite, webhooks, 1 connection ÷ raw loop",
        "×",
        alone_of_raw,
    );
    Ok(())
}

/// Reports the CPU time per webhook of the server, the client and everything else.
fn report_cpu_time(report: &mut Report, kind: Kind, spent: &[[f64; 3]]) {
    let rest = match kind {
        Kind::Postgres => "PostgreSQL and everything else",
        Kind::Sqlite => "everything else",
    };
    for (at, process) in ["the server", "the client", rest].into_iter().enumerate() {
        let values = spent.iter().map(|each| each[at]).collect();
        report.add(
            format!("{}-processor-{at}", kind.slug()),
            format!("{}, CPU time per webhook: {process}", kind.name()),
            "µs",
            values,
        );
    }
}
