//! The report of a run, for a person and for machines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use malipo::drill::{Collected, Fault, Harm as Hurt, check};
use serde_json::{Value, json};

use super::harm::Harm;

/// Everything that was counted.
#[derive(Debug, Default)]
pub struct Report {
    pub seed: u64,
    pub secs: u64,
    /// Rounds in which the drill was still buying when the harm was done.
    pub in_mid_load: usize,
    pub rounds: BTreeMap<Harm, usize>,
    pub orders: usize,
    pub acknowledged: usize,
    /// How many times a webhook was sent again, after a 503 or a lost connection.
    pub sent_again: u64,
    /// Paid or acknowledged, and something is missing.
    pub lost: BTreeSet<String>,
    /// Given twice.
    pub doubled: BTreeSet<String>,
    /// Other faults.
    pub wrong: BTreeSet<String>,
    /// Harm that could not be tried here.
    pub untried: Vec<&'static str>,
}

impl Report {
    /// Adds the figures of a round.
    pub fn count(&mut self, collected: &Collected) {
        self.orders += collected.played.len();
        let sent = || collected.played.iter().flat_map(|order| &order.sent);
        self.acknowledged += sent().filter(|sent| sent.is_acknowledged()).count();
        self.sent_again += sent()
            .map(|sent| u64::from(sent.reply.sent_again))
            .sum::<u64>();
    }

    /// Compares what was sent with the database. The same fault is reported once, however often it
    /// is found.
    pub fn judge(&mut self, collected: &Collected) {
        for violation in check(collected) {
            let list = match (&violation.fault, violation.fault.harm()) {
                (Fault::NotJournalled(_), _) | (_, Hurt::Lost) => &mut self.lost,
                (_, Hurt::Doubled) => &mut self.doubled,
                (_, Hurt::Other) => &mut self.wrong,
            };
            list.insert(format!("Order {} {}", violation.order_id, violation.fault));
        }
    }

    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }

    pub fn to_json(&self) -> Value {
        let rounds: BTreeMap<_, _> = self
            .rounds
            .iter()
            .map(|(harm, count)| (harm.name(), count))
            .collect();
        json!({
            "passed": self.is_clean(),
            "seed": self.seed,
            "took_secs": self.secs,
            "rounds": self.rounds.values().sum::<usize>(),
            "rounds_in_mid_load": self.in_mid_load,
            "rounds_by_fault": rounds,
            "orders": self.orders,
            "webhooks_acknowledged": self.acknowledged,
            "webhooks_sent_again": self.sent_again,
            "lost": self.lost,
            "doubled": self.doubled,
            "otherwise_wrong": self.wrong,
            "not_tried": self.untried,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: usize = self.rounds.values().sum();
        writeln!(f, "Torture with seed {}, {} s\n", self.seed, self.secs)?;
        for (name, number) in [
            ("Rounds", rounds),
            ("  while the drill was buying", self.in_mid_load),
            ("Orders", self.orders),
            ("Webhooks acknowledged", self.acknowledged),
        ] {
            writeln!(f, "  {name:50} {number}")?;
        }
        writeln!(f, "  {:50} {}", "Webhooks sent again", self.sent_again)?;
        for (harm, count) in &self.rounds {
            writeln!(f, "  {:50} {count}", harm.name())?;
        }
        for name in &self.untried {
            writeln!(f, "  {name:50} not tried: it takes root")?;
        }
        for (name, list) in [
            ("Lost", &self.lost),
            ("Doubled", &self.doubled),
            ("Otherwise wrong", &self.wrong),
        ] {
            writeln!(f, "  {name:50} {}", list.len())?;
            for sentence in list.iter().take(20) {
                writeln!(f, "    {sentence}")?;
            }
        }
        Ok(())
    }
}
