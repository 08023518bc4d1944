//! The figures for webhooks on one database. Runs that are compared alternate, so that noise of other
//! programs on the machine affects both.

use super::beside;
use crate::common::client::{Until, closed_loop, millis};
use crate::common::evidence::webhook;
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::AtMost;
use crate::common::till::Till;
use crate::common::{Outcome, books, ratios};

/// An upper bound for the duplicates answered per second, which need no orders.
const COPIES_A_SECOND: f64 = 100_000.0;
/// Webhooks per second that arrive on a busy day of a large operator.
const PACE: f64 = 500.0;
/// How long an order's row stays locked.
const STUCK_SECS: f64 = 10.0;
/// Number of finished orders (the last ones sold) whose status is read repeatedly.
const LOOKED_AT: usize = 1_000;
/// An upper bound for the sales per second.
const MOST_SALES: f64 = 20_000.0;

/// Measures all figures of one database.
pub fn measure(kind: Kind, options: &Options, report: &mut Report) -> Outcome<()> {
    println!("{}", kind.name());
    let mut till = Till::open(kind, "till", &[])?;
    match kind {
        Kind::Postgres => beside::pgbench(&mut till, options, report)?,
        Kind::Sqlite => beside::raw_loop(&mut till, options, report)?,
    }
    if options.wants_figure("copies") {
        copies(&mut till, options, report)?;
    }
    if options.wants_figure("arrivals") {
        arrivals(&mut till, options, report)?;
    }
    if kind == Kind::Postgres && options.wants_figure("stuck") {
        locked_order(&mut till, options, report)?;
    }

    report.note(till.must_balance()?);
    // With `--only` there may be no row to delete.
    if options.smoke && till.acknowledged.deliveries() > 0 {
        check_must_notice_a_missing_row(&till)?;
    }
    till.server.stop()
}

/// Requests that make no sale: duplicates for a finished order, duplicates that race the sale, and status
/// reads.
fn copies(till: &mut Till, options: &Options, report: &mut Report) -> Outcome<()> {
    let connections = 32;
    let seconds = options.seconds / 2.0;
    let orders = (MOST_SALES * seconds) as usize;
    let until = Until {
        seconds,
        turns: (COPIES_A_SECOND * seconds) as usize,
    };
    let finished = till.one_order()?.id;
    till.repeat(finished, 1, Until { seconds, turns: 1 })?;

    let mut rates = Rates::default();
    let mut refused = 0;
    for _ in 0..options.pairs {
        till.prepare(orders)?;
        let before = till.sold().len();
        rates.first.push(till.sell(connections, seconds)?.rate());
        let sold = till.sold()[before..].to_vec();
        let (once, often) = sold.split_at(sold.len() - LOOKED_AT.min(sold.len() / 2));
        let once_each = Until {
            turns: once.len(),
            ..until
        };
        for (heard, heard_rates) in [
            (
                till.repeat(finished, connections, until)?,
                &mut rates.repeated,
            ),
            (till.race(connections, until)?, &mut rates.raced),
            (
                till.look(once, connections, once_each)?,
                &mut rates.looked_once,
            ),
            (till.look(often, connections, until)?, &mut rates.looked),
        ] {
            refused += heard.refused();
            heard_rates.push(heard.rate());
        }
    }
    if refused > 0 {
        report.note(format!(
            "{refused} duplicates and status reads were not answered 200"
        ));
    }
    report_rates(rates, till.books.kind, report);
    Ok(())
}

/// Requests per second of each kind, one value per pair. `first` are webhooks that make a sale.
#[derive(Default)]
struct Rates {
    first: Vec<f64>,
    repeated: Vec<f64>,
    raced: Vec<f64>,
    looked_once: Vec<f64>,
    looked: Vec<f64>,
}

fn report_rates(rates: Rates, kind: Kind, report: &mut Report) {
    let (slug, name) = (kind.slug(), kind.name());
    let of_first = ratios(&rates.repeated, &rates.first);
    let looked_of_first = ratios(&rates.looked, &rates.first);
    report.add(
        format!("{slug}-copies"),
        format!("{name}, duplicates of a finished order"),
        "/s",
        rates.repeated,
    );
    report.add(
        format!("{slug}-copies-first"),
        format!("{name}, duplicates ÷ first-time webhooks"),
        "×",
        of_first,
    );
    report.add(
        format!("{slug}-copies-hot-key"),
        format!("{name}, duplicates racing the first sale"),
        "/s",
        rates.raced,
    );
    report.add(
        format!("{slug}-copies-status"),
        format!("{name}, status reads of finished orders"),
        "/s",
        rates.looked,
    );
    report.add(
        format!("{slug}-copies-status-once"),
        format!("{name}, the first status read of each finished order"),
        "/s",
        rates.looked_once,
    );
    report.add(
        format!("{slug}-copies-status-first"),
        format!("{name}, status reads ÷ first-time webhooks"),
        "×",
        looked_of_first,
    );
}

/// Latency of webhooks that arrive at a fixed rate.
fn arrivals(till: &mut Till, options: &Options, report: &mut Report) -> Outcome<()> {
    let (mut middle, mut slow) = (vec![], vec![]);
    for _ in 0..options.pairs {
        let heard = till.sell_at(PACE, (PACE * options.seconds) as u32)?;
        middle.push(millis(&heard.latency, 50.0));
        slow.push(millis(&heard.latency, 99.0));
    }
    let ratio = ratios(&slow, &middle);
    let kind = till.books.kind;
    let (slug, name) = (kind.slug(), kind.name());
    let what = format!("{name}, {PACE} webhooks/s arriving");
    for (percentile, values) in [("p50", middle), ("p99", slow)] {
        report.add(
            format!("{slug}-arrivals-{percentile}"),
            format!("{what}, {percentile}"),
            "ms",
            values,
        );
    }
    let target = match kind {
        Kind::Postgres => AtMost(6.0),
        Kind::Sqlite => AtMost(8.0),
    };
    report.aim(
        target,
        format!("{slug}-arrivals-ratio"),
        format!("{what}, p99 ÷ p50"),
        "×",
        ratio,
    );
    Ok(())
}

/// Latency of other orders' webhooks while another session locks the row of one order.
fn locked_order(till: &mut Till, options: &Options, report: &mut Report) -> Outcome<()> {
    let seconds = if options.smoke { 0.5 } else { STUCK_SECS };
    let (mut before, mut during) = (vec![], vec![]);
    for _ in 0..options.pairs {
        let turns = (PACE * seconds) as u32;
        before.push(millis(&till.sell_at(PACE, turns)?.latency, 99.0));
        during.push(p99_beside_a_locked_order(till, turns)?);
    }

    let ratio = ratios(&during, &before);
    report.add(
        "postgres-stuck-before",
        format!("PostgreSQL, {PACE} webhooks/s arriving, p99, no order locked"),
        "ms",
        before,
    );
    report.aim(
        AtMost(1.2),
        "postgres-stuck",
        format!("PostgreSQL, one order locked for {seconds} s: p99 of others ÷ before"),
        "×",
        ratio,
    );
    Ok(())
}

/// The p99 of other orders' webhooks in milliseconds, while the row of one order is locked and its
/// webhook waits.
fn p99_beside_a_locked_order(till: &mut Till, turns: u32) -> Outcome<f64> {
    let order = till.one_order()?;
    till.prepare(turns as usize)?;
    let mut holder = till.books.block_on(books::connect(&till.books.url))?;
    let lock = format!(
        "BEGIN; SELECT id FROM payments WHERE id = {} FOR UPDATE",
        order.row
    );
    till.books.block_on(books::run(&mut holder, &lock))?;

    // The server answers this one with 503 after five seconds.
    let (address, mark) = (till.server.address, till.acknowledged.marks(1));
    let waiting = std::thread::spawn(move || {
        let once = Until {
            seconds: 1.0,
            turns: 1,
        };
        closed_loop(address, 1, once, &|_, into| {
            webhook(order.id, mark, "COMPLETED", into);
        })
        .map_err(|error| error.to_string())
    });
    let others = millis(&till.sell_at(PACE, turns)?.latency, 99.0);
    till.books.block_on(books::run(&mut holder, "ROLLBACK"))?;
    waiting
        .join()
        .map_err(|_| "the client of the locked order died")??;
    Ok(others)
}

/// Tests the check itself: it must fail when a row of the journal is missing.
fn check_must_notice_a_missing_row(till: &Till) -> Outcome<()> {
    till.books.execute(
        "DELETE FROM webhook_deliveries WHERE id = (SELECT min(id) FROM webhook_deliveries)",
    )?;
    match till.must_balance() {
        Err(_) => Ok(()),
        Ok(_) => Err("the check did not notice a deleted row of the journal".into()),
    }
}
