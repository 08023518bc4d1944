//! Two processes on one PostgreSQL: their total throughput, and the delay of the notification of a guest
//! at one process after a sale at the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::common::client::{microseconds, millis};
use crate::common::crowd::{Crowd, Patience};
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::AtMost;
use crate::common::server::Server;
use crate::common::shop::Shop;
use crate::common::{Outcome, ratios};

/// Webhooks per second at one process, while guests wait at the other.
const PACE: f64 = 100.0;
const GUESTS: usize = 50;
const MOST_SALES: f64 = 10_000.0;
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures all figures of two processes.
///
/// # Errors
/// The error of a server or of the database.
pub fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let mut shop = Shop::open(Kind::Postgres, "processes", &[])?;
    let second = Server::start(&shop.database, &[])?;
    together(&mut shop, &second, options, report)?;
    across(&mut shop, &second, options, report)?;
    report.note(shop.must_balance()?);
    second.stop()?;
    shop.server.stop()
}

/// Compares one process with 32 connections and two with 16 each.
fn together(
    shop: &mut Shop,
    second: &Server,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let orders = (MOST_SALES * options.seconds) as usize;
    let (mut one, mut both) = (vec![], vec![]);
    for _ in 0..options.pairs {
        shop.prepare(orders)?;
        one.push(shop.sell(32, options.seconds)?.rate());
        shop.prepare(orders)?;
        let addresses = [shop.server.address, second.address];
        both.push(shop.sell_at_all(&addresses, 16, options.seconds)?);
    }
    let ratio = ratios(&both, &one);
    let name = "postgres-processes-one";
    report.add(name, "one process, webhooks, 32 connections", "/s", one);
    let name = "postgres-processes-two";
    report.add(name, "two processes, 16 connections each", "/s", both);
    report.add(
        "postgres-processes-ratio",
        "two processes, sum ÷ one process",
        "×",
        ratio,
    );
    Ok(())
}

/// Measures the delay from a webhook at the first process to a guest at the second.
fn across(shop: &mut Shop, second: &Server, options: &Options, report: &mut Report) -> Outcome<()> {
    let turns = (PACE * options.seconds).max(50.0) as usize;
    let mut slow = Vec::new();
    for _ in 0..options.pairs {
        let orders = shop.next_orders(turns)?;
        let plans: Vec<VecDeque<_>> = (0..GUESTS)
            .map(|guest| orders.iter().skip(guest).step_by(GUESTS).copied().collect())
            .collect();
        let crowd = Crowd::gather(second.address, plans, Patience::UntilPaid);
        crowd.until_parked(second, GUESTS.min(turns))?;
        let answers = shop.sell_at(PACE, turns as u32)?;
        let notified = crowd.notified(turns, PATIENCE);
        crowd.leave(second)?;
        if notified.len() < turns {
            return Err(format!("{} of {turns} guests were notified", notified.len()).into());
        }

        let mut latency = microseconds();
        let notified: std::collections::HashMap<_, Instant> = notified
            .iter()
            .map(|notified| (notified.order, notified.at))
            .collect();
        for turn in &answers.turns {
            let answered = answers.due(turn.number, PACE) + turn.took;
            let at = notified[&orders[turn.number as usize]];
            latency.saturating_record(at.saturating_duration_since(answered).as_micros() as u64);
        }
        slow.push(millis(&latency, 99.0));
    }
    report.aim(
        AtMost(50.0),
        "postgres-processes-notice",
        "ZenoPay's 200 at one process → guest at the other, p99",
        "ms",
        slow,
    );
    Ok(())
}
