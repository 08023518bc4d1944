//! The result of a drill, as a table for the shop's owner and as JSON for machines. Times are given
//! as measured, without a verdict on them.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::check::check;
use super::collected::{COMPLETED, Collected, PlayedOrder};
use super::fault::{Harm, Violation};
use super::play::Plan;
use super::server::Target;

/// Violations in the table; JSON has them all.
const LISTED: usize = 20;

/// The result of a drill. `Display` is the table.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing is violated.
    pub passed: bool,
    /// Which server was drilled.
    pub scene: String,
    /// Whether the database was checked too.
    pub checked_database: bool,
    /// How long the playing took.
    pub took_secs: f64,
    /// Orders placed.
    pub orders: usize,
    /// Copies of each COMPLETED.
    pub copies: u32,
    /// Deliveries.
    pub webhooks: Webhooks,
    /// What the deliveries led to.
    pub sales: Sales,
    /// Long polls.
    pub waiters: Waiters,
    /// As measured by the drill.
    pub latency_ms: Latencies,
    /// All of them.
    pub violations: Vec<Violation>,
}

/// Deliveries, each counted once however often it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Webhooks {
    /// All.
    pub sent: usize,
    /// Those answered 200.
    pub acknowledged: usize,
    /// How often one was sent again, after a 503 or a lost connection.
    pub sent_again: u64,
}

/// Orders, by their end.
#[derive(Clone, Debug, Serialize)]
pub struct Sales {
    /// Shown as COMPLETED.
    pub made: usize,
    /// With something that was given twice.
    pub doubled: usize,
    /// Paid, with something missing.
    pub lost: usize,
    /// By the server's own count, which includes other guests; null if it is not known.
    pub counted_by_server: Option<u64>,
}

/// Guests on long polls.
#[derive(Clone, Debug, Serialize)]
pub struct Waiters {
    /// All.
    pub waiting: usize,
    /// Those that were shown COMPLETED.
    pub told: usize,
}

/// Times in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latencies {
    /// From a webhook to its answer.
    pub webhook_answered: Option<Times>,
    /// From the webhook that sold until the guest knows.
    pub waiter_told: Option<Times>,
}

/// The median and the longest of many times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    /// Half were shorter.
    pub median: f64,
    /// None was longer.
    pub slowest: f64,
}

impl Times {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        // To the microsecond; more would be noise.
        let millis = |time: &Duration| time.as_micros() as f64 / 1_000.0;
        Some(Self {
            median: millis(times.get(times.len() / 2)?),
            slowest: millis(times.last()?),
        })
    }
}

impl Report {
    /// `sales_counted` is the server's own count.
    pub(super) fn new(
        target: &Target,
        plan: Plan,
        took: Duration,
        sales_counted: Option<u64>,
        collected: &Collected,
    ) -> Self {
        let violations = check(collected);
        let played = &collected.played;
        let sent = || played.iter().flat_map(|order| &order.sent);
        let acknowledged = || sent().filter(|sent| sent.is_acknowledged());
        let harmed = |harm: Harm| {
            let harmed = violations.iter().filter(|it| it.fault.harm() == harm);
            harmed.map(|it| it.order_id).collect::<HashSet<_>>().len()
        };
        let pages = collected.shown.values();
        Self {
            passed: violations.is_empty(),
            scene: target.scene.clone(),
            checked_database: collected.rows.is_some(),
            took_secs: took.as_millis() as f64 / 1_000.0,
            orders: played.len(),
            copies: plan.copies,
            webhooks: Webhooks {
                sent: sent().count(),
                acknowledged: acknowledged().count(),
                sent_again: sent().map(|sent| u64::from(sent.reply.sent_again)).sum(),
            },
            sales: Sales {
                made: pages.filter(|page| page.status == COMPLETED).count(),
                doubled: harmed(Harm::Doubled),
                lost: harmed(Harm::Lost),
                counted_by_server: sales_counted,
            },
            waiters: Waiters {
                waiting: played.len(),
                told: played.iter().filter(|it| it.polled.is_some()).count(),
            },
            latency_ms: Latencies {
                webhook_answered: Times::of(acknowledged().map(|sent| sent.reply.answered_in)),
                waiter_told: Times::of(played.iter().filter_map(PlayedOrder::notified_after)),
            },
            violations,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (webhooks, sales, waiters) = (&self.webhooks, &self.sales, &self.waiters);
        let times = |times: Option<Times>| match times {
            Some(Times { median, slowest }) => {
                format!("median {median:.0} ms, slowest {slowest:.0} ms")
            }
            None => "-".to_owned(),
        };
        let answered = times(self.latency_ms.webhook_answered);
        let notified = times(self.latency_ms.waiter_told);
        let checked = match self.checked_database {
            true => "status pages and database",
            false => "status pages only; --database checks more",
        };
        writeln!(f, "The exactly-once drill, {}\n", self.scene)?;
        let mut line = |name, value: &dyn fmt::Display| writeln!(f, "  {name:<44}{value}");
        line("Orders placed", &self.orders)?;
        line("Webhooks sent", &webhooks.sent)?;
        line("  acknowledged", &webhooks.acknowledged)?;
        line("  sent again after 503 or no answer", &webhooks.sent_again)?;
        line("Sales made", &sales.made)?;
        if let Some(counted) = &sales.counted_by_server {
            line("  by the server's own count", counted)?;
        }
        line("  with something given twice", &sales.doubled)?;
        line("  paid, and something is missing", &sales.lost)?;
        let shown = format!("{} of {}", waiters.told, waiters.waiting);
        line("Waiting guests who were shown the sale", &shown)?;
        line("From webhook to its answer", &answered)?;
        line("From webhook to the waiting guest", &notified)?;
        line("Took", &format!("{:.1} s", self.took_secs))?;
        line("Checked", &checked)?;

        if self.passed {
            let verdict = "Every order was sold exactly once, and every guest knows the code.";
            return writeln!(f, "\n{verdict}");
        }
        writeln!(f, "\nVIOLATED, {} times:", self.violations.len())?;
        for Violation { order_id, fault } in self.violations.iter().take(LISTED) {
            writeln!(f, "  order {order_id} {fault}")?;
        }
        let more = self.violations.len().saturating_sub(LISTED);
        if more > 0 {
            writeln!(f, "  … and {more} more; --json FILE lists them all")?;
        }
        Ok(())
    }
}
