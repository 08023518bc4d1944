//! The delay of a guest's notification, with few and with many waiting guests. It is measured from the
//! *commit* (the time in the server's log at which the order's actor learns that the sale is durable) and
//! from the scheduled time of the webhook, which includes the sale and the disk.

use std::collections::HashMap;

use hdrhistogram::Histogram;
use malipo::domain::order::OrderId;

use super::figures::{PACE, PATIENCE, Size};
use crate::common::client::{microseconds, millis};
use crate::common::crowd::{Crowd, Patience};
use crate::common::options::Options;
use crate::common::report::Report;
use crate::common::report::Target::AtMost;
use crate::common::shop::Shop;
use crate::common::{Outcome, ratios};

/// The small number of guests.
const FEW: usize = 10;

/// Measures the delay from commit to guest and from webhook to guest, with few and with many guests.
pub fn notified(
    shop: &mut Shop,
    size: &Size,
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let mut few = Runs::default();
    let mut many = Runs::default();
    for _ in 0..options.pairs {
        few.add(&run(shop, FEW, size.turns)?);
        many.add(&run(shop, size.many, size.turns)?);
    }
    let (slug, name) = (shop.database.kind.slug(), shop.database.kind.name());
    let ratio = ratios(&many.slow, &few.slow);
    for (runs, guests) in [(few, FEW), (many, size.many)] {
        let figure = |what: &str| format!("{slug}-told-{guests}-{what}");
        let words = |what: &str| format!("{name}, {what}, {guests} parked");
        let mut add = |what, sentence: &str, values| {
            report.add(figure(what), words(sentence), "ms", values);
        };
        add("p50", "commit → guest, p50", runs.middle);
        if guests == FEW {
            add("p99", "commit → guest, p99", runs.slow);
        } else {
            let sentence = words("commit → guest, p99");
            report.aim(AtMost(10.0), figure("p99"), sentence, "ms", runs.slow);
        }
        let mut add = |what, sentence: &str, values| {
            report.add(figure(what), words(sentence), "ms", values);
        };
        add(
            "webhook-p50",
            "webhook → guest, p50",
            runs.from_webhook_middle,
        );
        add(
            "webhook-p99",
            "webhook → guest, p99",
            runs.from_webhook_slow,
        );
    }
    report.aim(
        AtMost(3.0),
        format!("{slug}-told-ratio"),
        format!("{name}, commit → guest, p99, {} parked ÷ {FEW}", size.many),
        "×",
        ratio,
    );
    Ok(())
}

/// The delays of all notifications of a run.
struct Times {
    since_commit: Histogram<u64>,
    since_webhook: Histogram<u64>,
}

/// Percentiles in milliseconds, one value per run.
#[derive(Default)]
struct Runs {
    middle: Vec<f64>,
    slow: Vec<f64>,
    from_webhook_middle: Vec<f64>,
    from_webhook_slow: Vec<f64>,
}

impl Runs {
    fn add(&mut self, times: &Times) {
        self.middle.push(millis(&times.since_commit, 50.0));
        self.slow.push(millis(&times.since_commit, 99.0));
        let from_webhook = &times.since_webhook;
        self.from_webhook_middle.push(millis(from_webhook, 50.0));
        self.from_webhook_slow.push(millis(from_webhook, 99.0));
    }
}

/// Runs `turns` webhooks while `guests` guests wait.
fn run(shop: &mut Shop, guests: usize, turns: u32) -> Outcome<Times> {
    let paid = turns as usize;
    let orders = shop.next_orders(paid.max(guests) + guests)?;
    // Each guest waits for every `guests`-th order, and at the end for one that stays unpaid.
    let plans = (0..guests).map(|guest| {
        let own = orders[..paid.max(guests)]
            .iter()
            .skip(guest)
            .step_by(guests);
        own.chain([&orders[paid.max(guests) + guest]])
            .copied()
            .collect()
    });
    let address = shop.server.address;
    let crowd = Crowd::gather(address, plans.collect(), Patience::UntilPaid);
    crowd.until_parked(&shop.server, guests)?;

    let answers = shop.sell_at(PACE, turns)?;
    let notified = crowd.notified(paid, PATIENCE);
    crowd.leave(&shop.server)?;
    if notified.len() < paid {
        return Err(format!("{} of {paid} guests were notified", notified.len()).into());
    }
    // The unpaid orders are not used again: the server may still have waiters for them.
    shop.skip(orders.len() - paid);

    let commits = shop.server.commits()?;
    let turns: HashMap<OrderId, u32> = orders[..paid].iter().copied().zip(0..).collect();
    let (mut since_commit, mut since_webhook) = (microseconds(), microseconds());
    for notified in notified {
        let due = answers.due(turns[&notified.order], PACE);
        let took = notified.at.saturating_duration_since(due);
        since_webhook.saturating_record(took.as_micros() as u64);
        let committed = commits
            .get(&notified.order.order_ref())
            .ok_or("the log lacks the commit of an order whose guest was notified")?;
        // Negative only if the clock was set in the meantime.
        let took = (notified.by_the_clock - *committed).num_microseconds();
        since_commit.saturating_record(took.unwrap_or(0).max(0) as u64);
    }
    Ok(Times {
        since_commit,
        since_webhook,
    })
}
