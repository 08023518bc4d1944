//! The figures for waiting guests on one database.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::notified::notified;
use crate::common::client::millis;
use crate::common::crowd::{Crowd, Patience};
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::{AtLeast, AtMost};
use crate::common::server::TELLS_COMMITS;
use crate::common::shop::Shop;
use crate::common::{Outcome, ratios};

/// Webhooks per second while guests wait.
pub const PACE: f64 = 500.0;
/// The server's limit of parked polls, higher than any number here.
const WAITERS_MAX: &str = "16000";
/// The server's limit of parked polls per order.
const PER_ORDER: usize = 8;
/// Duration of the rush in seconds.
const RUSH: f64 = 4.0;
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers of guests and webhooks.
pub struct Size {
    pub many: usize,
    pub most: usize,
    pub turns: u32,
}

impl Size {
    fn of(options: &Options) -> Self {
        if options.smoke {
            Self {
                many: 100,
                most: 200,
                turns: 100,
            }
        } else {
            Self {
                many: 10_000,
                most: 15_000,
                turns: (PACE * options.seconds * 2.0) as u32,
            }
        }
    }
}

/// Measures all figures of one database.
pub fn measure(kind: Kind, options: &Options, report: &mut Report) -> Outcome<()> {
    println!("{}", kind.name());
    let size = Size::of(options);
    let mut settings = vec![("PORTAL__WAITERS_MAX", WAITERS_MAX)];
    settings.extend(TELLS_COMMITS);
    let mut shop = Shop::open(kind, "wait", &settings)?;
    // The server opens its connections with its first sales.
    shop.prepare(2_000)?;
    shop.sell(32, 0.5)?;
    if options.wants_figure("memory") {
        // First, before other figures have made the process grow.
        memory(&mut shop, &size, report)?;
    }
    if options.wants_figure("told") {
        notified(&mut shop, &size, options, report)?;
    }
    if options.wants_figure("rush") {
        rush(&mut shop, &size, options, report)?;
    }
    if options.wants_figure("one-order") {
        one_order(&mut shop, options, report)?;
    }
    if options.wants_figure("throughput") {
        throughput_with_parked_polls(&mut shop, &size, options, report)?;
    }
    report.note(shop.must_balance()?);
    if options.wants_figure("stop") {
        return stop(shop, &size, report);
    }
    shop.server.stop()
}

/// Latency of webhooks while all guests reconnect at once, as after a restart.
fn rush(shop: &mut Shop, size: &Size, options: &Options, report: &mut Report) -> Outcome<()> {
    let turns = (PACE * RUSH).min(size.turns.into()) as u32;
    let (mut before, mut during) = (vec![], vec![]);
    for _ in 0..options.pairs {
        before.push(millis(&shop.sell_at(PACE, turns)?.latency, 99.0));
        let orders = shop.next_orders(turns as usize + size.many)?;
        let waited_for = &orders[turns as usize..];
        let plans = waited_for.iter().map(|order| [*order].into()).collect();
        let crowd = Crowd::gather(shop.server.address, plans, Patience::UntilPaid);
        let answers = shop.sell_at(PACE, turns)?;
        crowd.until_parked(&shop.server, size.many)?;
        crowd.leave(&shop.server)?;
        shop.skip(size.many);
        during.push(millis(&answers.latency, 99.0));
    }
    let ratio = ratios(&during, &before);
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    let what = format!("{name}, webhooks while {} guests reconnect, p99", size.many);
    report.add(
        format!("{slug}-rush-before"),
        format!("{name}, {PACE} webhooks/s arriving, p99, no guests"),
        "ms",
        before,
    );
    report.add(format!("{slug}-rush"), what.as_str(), "ms", during);
    report.aim(
        AtMost(5.0),
        format!("{slug}-rush-ratio"),
        format!("{what} ÷ before"),
        "×",
        ratio,
    );
    Ok(())
}

/// Time until all guests of one order are notified, with the maximum number of guests.
fn one_order(shop: &mut Shop, options: &Options, report: &mut Report) -> Outcome<()> {
    let mut values = Vec::new();
    for _ in 0..options.pairs {
        let order = shop.next_orders(1)?[0];
        let plans = vec![VecDeque::from([order]); PER_ORDER];
        let crowd = Crowd::gather(shop.server.address, plans, Patience::UntilPaid);
        crowd.until_parked(&shop.server, PER_ORDER)?;
        let sent = Instant::now();
        shop.sell_at(PACE, 1)?;
        let notified = crowd.notified(PER_ORDER, PATIENCE);
        let last = notified
            .iter()
            .map(|notified| notified.at)
            .max()
            .ok_or("no guest was notified")?;
        if notified.len() < PER_ORDER {
            return Err(format!(
                "{} of {PER_ORDER} guests of one order were notified",
                notified.len()
            )
            .into());
        }
        values.push(last.saturating_duration_since(sent).as_secs_f64() * 1_000.0);
        crowd.leave(&shop.server)?;
    }
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    report.add(
        format!("{slug}-one-order"),
        format!("{name}, webhook → last of {PER_ORDER} guests of one order"),
        "ms",
        values,
    );
    Ok(())
}

/// Resident memory per parked poll.
fn memory(shop: &mut Shop, size: &Size, report: &mut Report) -> Outcome<()> {
    let before = shop.server.resident()?;
    let crowd = shop.park(size.many, Patience::UntilPaid)?;
    let after = shop.server.resident()?;
    crowd.leave(&shop.server)?;
    let each = (after.saturating_sub(before)) as f64 / size.many as f64 / 1024.0;
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    report.note("HTTP/2 without TLS is not served, so a parked poll over it is not measured");
    report.aim(
        AtMost(14.0),
        format!("{slug}-memory"),
        format!("{name}, resident memory per parked poll, HTTP/1.1"),
        "KiB",
        vec![each],
    );
    Ok(())
}

/// Throughput of webhooks with parked polls and without. The limit of open files bounds their number.
fn throughput_with_parked_polls(
    shop: &mut Shop,
    size: &Size,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let (mut alone, mut beside) = (vec![], vec![]);
    let orders = (20_000.0 * options.seconds) as usize;
    for _ in 0..options.pairs.div_ceil(2) {
        shop.prepare(orders)?;
        alone.push(shop.sell(32, options.seconds)?.rate());
        let crowd = shop.park(size.most, Patience::UntilPaid)?;
        shop.prepare(orders)?;
        beside.push(shop.sell(32, options.seconds)?.rate());
        crowd.leave(&shop.server)?;
    }
    let ratio = ratios(&beside, &alone);
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    report.add(
        format!("{slug}-throughput-beside"),
        format!("{name}, webhooks with {} polls parked", size.most),
        "/s",
        beside,
    );
    report.aim(
        AtLeast(0.9),
        format!("{slug}-throughput-ratio"),
        format!("{name}, webhooks with {} parked ÷ without", size.most),
        "×",
        ratio,
    );
    Ok(())
}

/// Time to stop a server with thousands of parked polls. Each of them is answered with the order's
/// current state, read from the database.
fn stop(mut shop: Shop, size: &Size, report: &mut Report) -> Outcome<()> {
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    let crowd = shop.park(size.many, Patience::OneAnswer)?;
    let began = Instant::now();
    shop.server.stop()?;
    let took = began.elapsed();
    let notified = crowd.notified(size.many, PATIENCE);
    if notified.len() < size.many {
        return Err(format!("{} of {} guests were answered", notified.len(), size.many).into());
    }
    let last = notified.iter().map(|notified| notified.at).max();
    let last = last.map_or(took, |at| at.saturating_duration_since(began));
    let mut add = |figure: &str, sentence: &str, took: Duration| {
        let words = format!("{name}, {sentence}, {} parked", size.many);
        report.add(
            format!("{slug}-{figure}"),
            words,
            "s",
            vec![took.as_secs_f64()],
        );
    };
    add("stop-told", "stop → last guest answered", last);
    add("stop", "stop → process ended", took);
    Ok(())
}
