//! Throughput of webhooks on a table with millions of rows and on one with thousands, in alternating
//! runs.

use std::time::Instant;

use crate::common::database::Database;
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::AtLeast;
use crate::common::shop::Shop;
use crate::common::{Outcome, ratios};

const FEW: u64 = 10_000;
const MOST_SALES: f64 = 10_000.0;

/// Measures the ratio of the throughputs on a large and on a small table.
///
/// # Errors
/// The error of a server or of the database.
pub fn measure(kind: Kind, rows: u64, options: &Options, report: &mut Report) -> Outcome<()> {
    let (slug, name) = (kind.slug(), kind.name());
    let few = if options.smoke { 1_000 } else { FEW };
    let database = Database::create(kind, "small")?;
    database.fill(few)?;
    let mut small = Shop::open_on(database, &[])?;
    let database = Database::create(kind, "large")?;
    let began = Instant::now();
    database.fill(rows)?;
    let took = began.elapsed().as_secs_f64();
    let mut large = Shop::open_on(database, &[])?;
    report.note(format!(
        "{name}: {rows} finished payments written in {took:.0} s; the other tables are empty at the start"
    ));

    let orders = (MOST_SALES * options.seconds) as usize;
    let (mut on_small, mut on_large) = (vec![], vec![]);
    for _ in 0..options.pairs {
        on_small.push(turn(&mut small, orders, options)?);
        on_large.push(turn(&mut large, orders, options)?);
    }
    let ratio = ratios(&on_large, &on_small);
    report.add(
        format!("{slug}-rows-small"),
        format!("{name}, webhooks, {few} payments"),
        "/s",
        on_small,
    );
    report.add(
        format!("{slug}-rows-large"),
        format!("{name}, webhooks, {rows} payments"),
        "/s",
        on_large,
    );
    report.aim(
        AtLeast(0.8),
        format!("{slug}-rows-ratio"),
        format!("{name}, webhooks, {rows} payments ÷ {few}"),
        "×",
        ratio,
    );
    for shop in [small, large] {
        report.note(shop.must_balance()?);
        shop.server.stop()?;
    }
    Ok(())
}

/// Sells on one server while the other is idle.
fn turn(shop: &mut Shop, orders: usize, options: &Options) -> Outcome<f64> {
    shop.prepare(orders)?;
    let answers = shop.sell(32, options.seconds)?;
    Ok(answers.rate())
}
