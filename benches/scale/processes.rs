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
use crate::common::till::Till;
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
    let mut till = Till::open(Kind::Postgres, "processes", &[])?;
    let second = Server::start(&till.books, &[])?;
    together(&mut till, &second, options, report)?;
    across(&mut till, &second, options, report)?;
    report.note(till.must_balance()?);
    second.stop()?;
    till.server.stop()
}

/// Compares one process with 32 connections and two with 16 each.
fn together(
    till: &mut Till,
    second: &Server,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let orders = (MOST_SALES * options.seconds) as usize;
    let (mut one, mut both) = (vec![], vec![]);
    for _ in 0..options.pairs {
        till.prepare(orders)?;
        one.push(till.sell(32, options.seconds)?.rate());
        till.prepare(orders)?;
        let addresses = [till.server.address, second.address];
        both.push(till.sell_at_all(&addresses, 16, options.seconds)?);
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
fn across(till: &mut Till, second: &Server, options: &Options, report: &mut Report) -> Outcome<()> {
    let turns = (PACE * options.seconds).max(50.0) as usize;
    let mut slow = Vec::new();
    for _ in 0..options.pairs {
        let orders = till.next_orders(turns)?;
        let plans: Vec<VecDeque<_>> = (0..GUESTS)
            .map(|guest| orders.iter().skip(guest).step_by(GUESTS).copied().collect())
            .collect();
        let crowd = Crowd::gather(second.address, plans, Patience::UntilPaid);
        crowd.until_parked(second, GUESTS.min(turns))?;
        let heard = till.sell_at(PACE, turns as u32)?;
        let told = crowd.told(turns, PATIENCE);
        crowd.leave(second)?;
        if told.len() < turns {
            return Err(format!("{} of {turns} guests were notified", told.len()).into());
        }

        let mut latency = microseconds();
        let told: std::collections::HashMap<_, Instant> =
            told.iter().map(|told| (told.order, told.at)).collect();
        for turn in &heard.turns {
            let answered = heard.due(turn.number, PACE) + turn.took;
            let at = told[&orders[turn.number as usize]];
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
