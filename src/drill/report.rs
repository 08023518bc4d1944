//! What came of it, for the shop's owner at a terminal and as JSON for machines. Times are
//! told as measured, with no verdict on them.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Plan;
use super::check::Violation;
use super::collected::{Collected, PlayedOrder, Sent, Shown};
use super::fault::Harm;

/// Violations in the table; JSON has them all.
const LISTED: usize = 20;

/// The circumstances.
pub(super) struct Stage {
    pub scene: String,
    pub plan: Plan,
    pub took: Duration,
    pub counted: Option<u64>,
}

/// The result of a drill. `Display` is the table.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing is violated.
    pub passed: bool,
    /// Where it took place.
    pub scene: String,
    /// Whether the database was looked at too.
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
    pub violations: Vec<Wrong>,
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

/// Orders, by what became of them.
#[derive(Clone, Debug, Serialize)]
pub struct Sales {
    /// Shown as COMPLETED.
    pub made: usize,
    /// With something that was given twice.
    pub doubled: usize,
    /// Paid, with something missing.
    pub lost: usize,
    /// By the server's own count, in which other guests may be; null if it does not tell.
    pub counted_by_server: Option<u64>,
}

/// Guests on long polls.
#[derive(Clone, Debug, Serialize)]
pub struct Waiters {
    /// All.
    pub waiting: usize,
    /// Those who heard COMPLETED.
    pub told: usize,
}

/// Times in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latencies {
    /// From a webhook to its answer.
    pub webhook_answered: Option<Times>,
    /// From the webhook that sold to the guest who knows.
    pub waiter_told: Option<Times>,
}

/// Of a crowd of times.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    /// Half were quicker.
    #[serde(serialize_with = "millis")]
    pub median: Duration,
    /// None was slower.
    #[serde(serialize_with = "millis")]
    pub slowest: Duration,
}

/// A violation in words.
#[derive(Clone, Debug, Serialize)]
pub struct Wrong {
    /// Which order.
    pub order_id: String,
    /// One word.
    pub code: &'static str,
    /// One sentence whose subject is the order.
    pub sentence: String,
}

impl Report {
    pub(super) fn of(stage: Stage, collected: &Collected, violations: Vec<Violation>) -> Self {
        let played = &collected.played;
        let sent = || played.iter().flat_map(|order| &order.sent);
        let acknowledged = || sent().filter(|sent| sent.is_acknowledged());
        let is_sold = |shown: &&Shown| shown.status == "COMPLETED";
        let hurt = |harm: Harm| {
            let hurt = violations.iter().filter(|it| it.fault.harm() == harm);
            hurt.map(|it| it.order_id).collect::<HashSet<_>>().len()
        };
        Self {
            passed: violations.is_empty(),
            scene: stage.scene,
            checked_database: collected.booked.is_some(),
            took_secs: stage.took.as_millis() as f64 / 1_000.0,
            orders: played.len(),
            copies: stage.plan.copies,
            webhooks: Webhooks {
                sent: sent().count(),
                acknowledged: acknowledged().count(),
                sent_again: sent().map(|sent| u64::from(sent.sent_again)).sum(),
            },
            sales: Sales {
                made: collected.shown.values().filter(is_sold).count(),
                doubled: hurt(Harm::Doubled),
                lost: hurt(Harm::Lost),
                counted_by_server: stage.counted,
            },
            waiters: Waiters {
                waiting: played.len(),
                told: played.iter().filter(|order| order.told.is_some()).count(),
            },
            latency_ms: Latencies {
                webhook_answered: Times::of(acknowledged().map(|sent: &Sent| sent.answered_in)),
                waiter_told: Times::of(played.iter().filter_map(PlayedOrder::told_after)),
            },
            violations: (violations.iter())
                .map(|it| Wrong {
                    order_id: it.order_id.to_string(),
                    code: it.fault.code(),
                    sentence: it.fault.to_string(),
                })
                .collect(),
        }
    }
}

impl Times {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        Some(Self {
            median: *times.get(times.len() / 2)?,
            slowest: *times.last()?,
        })
    }
}

fn millis<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    // To the microsecond; more would be noise.
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    to.serialize_f64(f64::from(micros) / 1_000.0)
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, slowest) = (self.median.as_millis(), self.slowest.as_millis());
        write!(f, "median {median} ms, slowest {slowest} ms")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (webhooks, sales, waiters) = (&self.webhooks, &self.sales, &self.waiters);
        let times = |times: Option<Times>| times.map_or("-".to_owned(), |it| it.to_string());
        let looked_at = match self.checked_database {
            true => "status pages and database",
            false => "status pages only; --database shows more",
        };
        let counted = sales.counted_by_server.map(|sales| sales.to_string());
        let told = format!("{} of {}", waiters.told, waiters.waiting);
        let lines = [
            ("Orders placed", self.orders.to_string()),
            ("Webhooks sent", webhooks.sent.to_string()),
            ("  acknowledged", webhooks.acknowledged.to_string()),
            (
                "  sent again after 503 or no answer",
                webhooks.sent_again.to_string(),
            ),
            ("Sales made", sales.made.to_string()),
            ("  by the server's own count", counted.unwrap_or_default()),
            ("  with something given twice", sales.doubled.to_string()),
            ("  paid, and something is missing", sales.lost.to_string()),
            ("Waiting guests who were told", told),
            (
                "From webhook to its answer",
                times(self.latency_ms.webhook_answered),
            ),
            (
                "From webhook to the guest who waits",
                times(self.latency_ms.waiter_told),
            ),
            ("Took", format!("{:.1} s", self.took_secs)),
            ("Looked at", looked_at.to_owned()),
        ];
        writeln!(f, "The exactly-once drill, {}\n", self.scene)?;
        // Only the server's own count is empty, where the server does not tell it.
        for (what, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(f, "  {what:<44}{value}")?;
        }
        writeln!(f)?;
        self.verdict(f)
    }
}

impl Report {
    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.passed {
            return writeln!(
                f,
                "Every order was sold exactly once, and every guest knows the code."
            );
        }
        writeln!(f, "VIOLATED, {} times:", self.violations.len())?;
        for wrong in self.violations.iter().take(LISTED) {
            writeln!(f, "  order {} {}", wrong.order_id, wrong.sentence)?;
        }
        let more = self.violations.len().saturating_sub(LISTED);
        if more > 0 {
            writeln!(f, "  … and {more} more; --json FILE lists them all")?;
        }
        Ok(())
    }
}
