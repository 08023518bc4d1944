//! What is measured with waiting guests. Times count from when a webhook was meant to leave, so
//! they contain the sale and its commit: what a guest's bytes take after the commit is less.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use malipo::domain::ids::OrderId;

use crate::common::client::{Heard, microseconds, millis};
use crate::common::crowd::{Crowd, Told};
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::report::Target::{AtLeast, AtMost};
use crate::common::till::Till;
use crate::common::{Outcome, ratios};

/// Webhooks a second, while guests wait.
const PACE: f64 = 500.0;
/// How many guests a family is.
const FEW: usize = 10;
/// As many polls may be parked, well over what is parked here.
const WAITERS_MAX: &str = "16000";
/// Guests of one order at most.
const PER_ORDER: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// How large everything is.
struct Size {
    many: usize,
    most: usize,
    turns: u32,
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

/// Everything about one database.
pub fn measure(kind: Kind, options: &Options, report: &mut Report) -> Outcome<()> {
    println!("{}", kind.name());
    let size = Size::of(options);
    let mut till = Till::open(kind, "wait", &[("PORTAL__WAITERS_MAX", WAITERS_MAX)])?;
    if options.wants_figure("memory") {
        // First, before anything else has made the process grow.
        memory(&mut till, &size, report)?;
    }
    if options.wants_figure("told") {
        told(&mut till, &size, options, report)?;
    }
    if options.wants_figure("one-order") {
        one_order(&mut till, options, report)?;
    }
    if options.wants_figure("throughput") {
        beside_the_crowd(&mut till, &size, options, report)?;
    }
    report.note(till.must_balance()?);
    if options.wants_figure("stop") {
        return stop(till, &size, report);
    }
    till.server.stop()
}

/// From the webhook to the guest, with few and with many guests.
fn told(till: &mut Till, size: &Size, options: &Options, report: &mut Report) -> Outcome<()> {
    let mut few = Runs::default();
    let mut many = Runs::default();
    for _ in 0..options.pairs {
        few.add(&run(till, FEW, size.turns)?);
        many.add(&run(till, size.many, size.turns)?);
    }
    let (slug, name) = (till.books.kind.slug(), till.books.kind.name());
    let ratio = ratios(&many.slow, &few.slow);
    for (runs, guests) in [(few, FEW), (many, size.many)] {
        let figure = |what: &str| format!("{slug}-told-{guests}-{what}");
        let words = |what: &str| format!("{name}, webhook → guest, {guests} parked, {what}");
        report.add(figure("p50"), words("p50"), "ms", runs.middle);
        if guests == FEW {
            report.add(figure("p99"), words("p99"), "ms", runs.slow);
        } else {
            report.aim(AtMost(10.0), figure("p99"), words("p99"), "ms", runs.slow);
        }
        report.add(
            figure("after"),
            format!("{name}, ZenoPay's 200 → guest, {guests} parked, p99"),
            "ms",
            runs.after,
        );
    }
    report.aim(
        AtMost(3.0),
        format!("{slug}-told-ratio"),
        format!("{name}, webhook → guest, p99, {} parked ÷ {FEW}", size.many),
        "×",
        ratio,
    );
    Ok(())
}

/// One figure of each run.
#[derive(Default)]
struct Runs {
    middle: Vec<f64>,
    slow: Vec<f64>,
    after: Vec<f64>,
}

impl Runs {
    fn add(&mut self, (told, after): &(Histogram<u64>, Histogram<u64>)) {
        self.middle.push(millis(told, 50.0));
        self.slow.push(millis(told, 99.0));
        self.after.push(millis(after, 99.0));
    }
}

/// So many guests wait all the time, while webhooks arrive: from webhook to guest, and from the
/// webhook's answer to the guest.
fn run(till: &mut Till, guests: usize, turns: u32) -> Outcome<(Histogram<u64>, Histogram<u64>)> {
    let paid = turns as usize;
    let orders = till.next_orders(paid.max(guests) + guests)?;
    // Each guest waits for every so many-th order, and at last for one that nobody pays.
    let plans = (0..guests).map(|guest| {
        let own = orders[..paid.max(guests)]
            .iter()
            .skip(guest)
            .step_by(guests);
        own.chain([&orders[paid.max(guests) + guest]])
            .copied()
            .collect()
    });
    let crowd = Crowd::gather(till.server.address, plans.collect());
    crowd.until_parked(&till.server, guests)?;

    let heard = till.sell_at(PACE, turns)?;
    let told = crowd.told(paid, PATIENCE);
    crowd.leave(&till.server)?;
    if told.len() < paid {
        return Err(format!("{} of {paid} guests were told", told.len()).into());
    }
    // What nobody paid is not used again: guests may still be known to wait for it.
    till.skip(orders.len() - paid);
    Ok(times(&heard, &told, &orders))
}

/// For each turn, from its intended time and from its answer to the guest.
fn times(heard: &Heard, told: &[Told], orders: &[OrderId]) -> (Histogram<u64>, Histogram<u64>) {
    let at: HashMap<OrderId, Instant> = told.iter().copied().collect();
    let (mut since_sent, mut since_answer) = (microseconds(), microseconds());
    for turn in &heard.turns {
        let Some(at) = at.get(&orders[turn.number as usize]) else {
            continue;
        };
        let intended = heard.due(turn.number, PACE);
        let answered = intended + turn.took;
        let micros = |from| at.saturating_duration_since(from).as_micros() as u64;
        since_sent.saturating_record(micros(intended));
        since_answer.saturating_record(micros(answered));
    }
    (since_sent, since_answer)
}

/// All the guests whom one order may have are told at once.
fn one_order(till: &mut Till, options: &Options, report: &mut Report) -> Outcome<()> {
    let mut values = Vec::new();
    for _ in 0..options.pairs {
        let order = till.next_orders(1)?[0];
        let plans = vec![VecDeque::from([order]); PER_ORDER];
        let crowd = Crowd::gather(till.server.address, plans);
        crowd.until_parked(&till.server, PER_ORDER)?;
        let sent = Instant::now();
        till.sell_at(PACE, 1)?;
        let told = crowd.told(PER_ORDER, PATIENCE);
        let last = told
            .iter()
            .map(|(_, at)| *at)
            .max()
            .ok_or("nobody was told")?;
        if told.len() < PER_ORDER {
            return Err(format!(
                "{} of {PER_ORDER} guests of one order were told",
                told.len()
            )
            .into());
        }
        values.push(last.saturating_duration_since(sent).as_secs_f64() * 1_000.0);
        crowd.leave(&till.server)?;
    }
    let (slug, name) = (till.books.kind.slug(), till.books.kind.name());
    report.add(
        format!("{slug}-one-order"),
        format!("{name}, webhook → the last of {PER_ORDER} guests of one order"),
        "ms",
        values,
    );
    Ok(())
}

/// What a parked poll costs the server.
fn memory(till: &mut Till, size: &Size, report: &mut Report) -> Outcome<()> {
    till.prepare(2_000)?;
    till.sell(32, 0.5)?;
    let before = till.server.resident()?;
    let crowd = till.park(size.many)?;
    let after = till.server.resident()?;
    crowd.leave(&till.server)?;
    let each = (after.saturating_sub(before)) as f64 / size.many as f64 / 1024.0;
    let (slug, name) = (till.books.kind.slug(), till.books.kind.name());
    report.note("HTTP/2 without TLS is not served, so a parked poll over it is not measured");
    report.aim(
        AtMost(18.0),
        format!("{slug}-memory"),
        format!("{name}, resident memory a parked poll, HTTP/1.1"),
        "KiB",
        vec![each],
    );
    Ok(())
}

/// Webhooks with as many polls parked as the limit of open files lets in, and without.
fn beside_the_crowd(
    till: &mut Till,
    size: &Size,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let (mut alone, mut beside) = (vec![], vec![]);
    let orders = (20_000.0 * options.seconds) as usize;
    for _ in 0..options.pairs.div_ceil(2) {
        till.prepare(orders)?;
        alone.push(till.sell(32, options.seconds)?.rate());
        let crowd = till.park(size.most)?;
        till.prepare(orders)?;
        beside.push(till.sell(32, options.seconds)?.rate());
        crowd.leave(&till.server)?;
    }
    let ratio = ratios(&beside, &alone);
    let (slug, name) = (till.books.kind.slug(), till.books.kind.name());
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

/// The one event that concerns thousands of guests at once: the server stops, and each is answered
/// with what is then true, read anew.
fn stop(mut till: Till, size: &Size, report: &mut Report) -> Outcome<()> {
    let crowd = till.park(size.many)?;
    let began = Instant::now();
    till.server.stop()?;
    let took = began.elapsed().as_secs_f64();
    drop(crowd);
    report.add(
        format!("{}-stop", till.books.kind.slug()),
        format!(
            "{}, stop with {} polls parked",
            till.books.kind.name(),
            size.many
        ),
        "s",
        vec![took],
    );
    Ok(())
}
