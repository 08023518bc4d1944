//! Memory of an active order actor. A webhook with PENDING, which changes nothing, activates each order.

use crate::common::Outcome;
use crate::common::client::{Until, closed_loop};
use crate::common::evidence::webhook;
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::AtMost;
use crate::common::shop::Shop;

const ACTORS: usize = 100_000;
/// Long enough that no actor is passivated during the measurement.
const IDLE_SECS: &str = "3600";
const PENDING: &str = "PENDING";
const MIB: f64 = 1024.0 * 1024.0;

/// Measures memory with a hundred thousand active actors.
///
/// # Errors
/// If one of the webhooks is not acknowledged, or is not in the database.
pub fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let count = if options.smoke { 500 } else { ACTORS };
    let mut shop = Shop::open(
        Kind::Postgres,
        "actors",
        &[("ACTORS__IDLE_SECS", IDLE_SECS)],
    )?;
    // Creates pools, buffers and threads before the measurement.
    shop.prepare(1_000)?;
    shop.sell(32, 0.5)?;
    shop.must_balance()?;

    let orders = shop.next_orders(count)?;
    let before = shop.server.resident()?;
    let first = shop.acknowledged.marks(count);
    let until = Until {
        seconds: f64::INFINITY,
        turns: count,
    };
    let answers = closed_loop(shop.server.address, 32, until, &|turn, into| {
        webhook(orders[turn as usize], first + turn, PENDING, into);
    })?;
    if answers.refused() > 0 {
        return Err(format!("{} webhooks were not answered 200", answers.refused()).into());
    }
    let after = shop.server.resident()?;
    let mut pending = crate::common::evidence::Acknowledged::default();
    pending.take(&answers, first, |turn| orders[turn as usize]);
    pending.must_be_recorded(&shop.database, PENDING)?;

    let each = after.saturating_sub(before) as f64 / count as f64 / 1024.0;
    report.aim(
        AtMost(2.0),
        "postgres-actors-each",
        format!("resident memory per active order actor, {count} active"),
        "KiB",
        vec![each],
    );
    report.aim(
        AtMost(300.0),
        "postgres-actors-all",
        format!("resident memory of the server, {count} active actors"),
        "MiB",
        vec![after as f64 / MIB],
    );
    shop.server.stop()
}
