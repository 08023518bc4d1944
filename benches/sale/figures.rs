//! The figures for webhooks on one database. Runs that are compared alternate, so that noise of other
//! programs on the machine affects both.

use super::beside;
use crate::common::client::{Until, closed_loop, millis};
use crate::common::evidence::webhook;
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::AtMost;
use crate::common::shop::Shop;
use crate::common::{Outcome, database, ratios};

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
    let mut shop = Shop::open(kind, "shop", &[])?;
    match kind {
        Kind::Postgres => beside::pgbench(&mut shop, options, report)?,
        Kind::Sqlite => beside::raw_loop(&mut shop, options, report)?,
    }
    if options.wants_figure("copies") {
        copies(&mut shop, options, report)?;
    }
    if options.wants_figure("arrivals") {
        arrivals(&mut shop, options, report)?;
    }
    if kind == Kind::Postgres && options.wants_figure("stuck") {
        locked_order(&mut shop, options, report)?;
    }

    report.note(shop.must_balance()?);
    // With `--only` there may be no row to delete.
    if options.smoke && shop.acknowledged.deliveries() > 0 {
        check_must_notice_a_missing_row(&shop)?;
    }
    shop.server.stop()
}

/// Requests that make no sale: duplicates for a finished order, duplicates that race the sale, and status
/// reads.
fn copies(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    let connections = 32;
    let seconds = options.seconds / 2.0;
    let orders = (MOST_SALES * seconds) as usize;
    let until = Until {
        seconds,
        turns: (COPIES_A_SECOND * seconds) as usize,
    };
    let finished = shop.one_order()?.id;
    shop.repeat(finished, 1, Until { seconds, turns: 1 })?;

    let mut rates = Rates::default();
    let mut refused = 0;
    for _ in 0..options.pairs {
        shop.prepare(orders)?;
        let before = shop.sold().len();
        rates.first.push(shop.sell(connections, seconds)?.rate());
        let sold = shop.sold()[before..].to_vec();
        let (once, often) = sold.split_at(sold.len() - LOOKED_AT.min(sold.len() / 2));
        let once_each = Until {
            turns: once.len(),
            ..until
        };
        for (answers, heard_rates) in [
            (
                shop.repeat(finished, connections, until)?,
                &mut rates.repeated,
            ),
            (shop.race(connections, until)?, &mut rates.raced),
            (
                shop.look(once, connections, once_each)?,
                &mut rates.looked_once,
            ),
            (shop.look(often, connections, until)?, &mut rates.looked),
        ] {
            refused += answers.refused();
            heard_rates.push(answers.rate());
        }
    }
    if refused > 0 {
        report.note(format!(
            "{refused} duplicates and status reads were not answered 200"
        ));
    }
    report_rates(rates, shop.database.kind, report);
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
fn arrivals(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    let (mut middle, mut slow) = (vec![], vec![]);
    for _ in 0..options.pairs {
        let answers = shop.sell_at(PACE, (PACE * options.seconds) as u32)?;
        middle.push(millis(&answers.latency, 50.0));
        slow.push(millis(&answers.latency, 99.0));
    }
    let ratio = ratios(&slow, &middle);
    let kind = shop.database.kind;
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
fn locked_order(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    let seconds = if options.smoke { 0.5 } else { STUCK_SECS };
    let (mut before, mut during) = (vec![], vec![]);
    for _ in 0..options.pairs {
        let turns = (PACE * seconds) as u32;
        before.push(millis(&shop.sell_at(PACE, turns)?.latency, 99.0));
        during.push(p99_beside_a_locked_order(shop, turns)?);
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
fn p99_beside_a_locked_order(shop: &mut Shop, turns: u32) -> Outcome<f64> {
    let order = shop.one_order()?;
    shop.prepare(turns as usize)?;
    let mut holder = shop
        .database
        .block_on(database::connect(&shop.database.url))?;
    let lock = format!(
        "BEGIN; SELECT id FROM payments WHERE id = {} FOR UPDATE",
        order.row
    );
    shop.database.block_on(database::run(&mut holder, &lock))?;

    // The server answers this one with 503 after five seconds.
    let (address, mark) = (shop.server.address, shop.acknowledged.marks(1));
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
    let others = millis(&shop.sell_at(PACE, turns)?.latency, 99.0);
    shop.database
        .block_on(database::run(&mut holder, "ROLLBACK"))?;
    waiting
        .join()
        .map_err(|_| "the client of the locked order died")??;
    Ok(others)
}

/// Tests the check itself: it must fail when a row of the journal is missing.
fn check_must_notice_a_missing_row(shop: &Shop) -> Outcome<()> {
    shop.database.execute(
        "DELETE FROM webhook_deliveries WHERE id = (SELECT min(id) FROM webhook_deliveries)",
    )?;
    match shop.must_balance() {
        Err(_) => Ok(()),
        Ok(_) => Err("the check did not notice a deleted row of the journal".into()),
    }
}
