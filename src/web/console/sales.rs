//! What was sold, by day and package, with a chart that is drawn here: it needs no script.

use askama::Template;

use super::desk::Desk;
use super::format::{count, money};

/// What was sold of one package on one day.
pub struct Sold {
    /// The package's code.
    pub package: String,
    /// How often.
    pub count: i64,
    /// For how much, in whole TZS.
    pub amount: i64,
}

/// One day.
pub struct SoldDay {
    /// `2026-11-24`.
    pub date: String,
    /// `Tue 24 Nov`.
    pub name: String,
    /// With mobile money, by package.
    pub by_phone: Vec<Sold>,
    /// Printed vouchers that were first used that day, by package.
    pub for_cash: Vec<Sold>,
}

impl SoldDay {
    fn of(&self, package: &str) -> Option<&Sold> {
        self.by_phone.iter().find(|sold| sold.package == package)
    }

    /// How high the day's bar is: all that was sold.
    fn height(&self) -> i64 {
        amount(&self.by_phone) + amount(&self.for_cash)
    }

    fn is_empty(&self) -> bool {
        self.by_phone.is_empty() && self.for_cash.is_empty()
    }

    fn times(&self, package: &str) -> String {
        self.of(package)
            .map_or("–".to_owned(), |sold| count(sold.count))
    }

    fn total(&self) -> String {
        or_dash(amount(&self.by_phone), money)
    }

    fn cards(&self) -> String {
        or_dash(times(&self.for_cash), count)
    }

    fn cash(&self) -> String {
        or_dash(amount(&self.for_cash), money)
    }
}

fn amount(sold: &[Sold]) -> i64 {
    sold.iter().map(|sold| sold.amount).sum()
}

fn times(sold: &[Sold]) -> i64 {
    sold.iter().map(|sold| sold.count).sum()
}

fn or_dash(number: i64, shown: impl Fn(i64) -> String) -> String {
    match number {
        0 => "–".to_owned(),
        number => shown(number),
    }
}

/// A part of a day's bar, in the chart's own units.
struct Block {
    tone: String,
    y: i64,
    height: i64,
}

/// A day's bar.
struct Bar {
    x: i64,
    blocks: Vec<Block>,
}

/// Height of the chart, in its own units.
const HEIGHT: i64 = 160;
/// Of one day.
const WIDTH: i64 = 20;
/// Packages with a colour of their own; the others share the last.
const TONES: usize = 6;
/// The colour of what was sold for cash.
const CASH: &str = "cash";

/// What was sold, newest day first.
#[derive(Template)]
#[template(path = "console/sales.html")]
pub struct SalesPage {
    desk: Desk,
    days: Vec<SoldDay>,
    packages: Vec<String>,
}

impl SalesPage {
    /// Days, the newest first.
    pub fn new(desk: Desk, days: Vec<SoldDay>) -> Self {
        let mut packages: Vec<String> = days
            .iter()
            .flat_map(|day| &day.by_phone)
            .map(|sold| sold.package.clone())
            .collect();
        packages.sort();
        packages.dedup();
        Self {
            desk,
            days,
            packages,
        }
    }

    fn tones(&self) -> impl Iterator<Item = (String, &str)> {
        let tone = |at: usize| format!("t{}", at.min(TONES - 1) + 1);
        (self.packages.iter().enumerate()).map(move |(at, package)| (tone(at), package.as_str()))
    }

    /// What each colour of the chart stands for.
    fn keys(&self) -> Vec<(String, &str)> {
        let cash = self
            .has_cash()
            .then(|| (CASH.to_owned(), "printed, for cash"));
        self.tones().chain(cash).collect()
    }

    /// Whether any printed voucher was used: a shop that prints none reads nothing of them.
    fn has_cash(&self) -> bool {
        self.days.iter().any(|day| !day.for_cash.is_empty())
    }

    fn best(&self) -> i64 {
        self.days.iter().map(SoldDay::height).max().unwrap_or(0)
    }

    fn peak(&self) -> String {
        money(self.best())
    }

    fn view_box(&self) -> String {
        let days = i64::try_from(self.days.len()).unwrap_or(0);
        format!("0 0 {} {HEIGHT}", days * WIDTH)
    }

    /// Oldest day first, as people read time.
    fn bars(&self) -> Vec<Bar> {
        let days = self.days.iter().rev();
        days.zip(0..)
            .map(|(day, at)| self.bar(day, at * WIDTH))
            .collect()
    }

    fn bar(&self, day: &SoldDay, x: i64) -> Bar {
        let best = self.best().max(1);
        let by_phone = self
            .tones()
            .map(|(tone, package)| (tone, day.of(package).map_or(0, |sold| sold.amount)));
        let for_cash = (CASH.to_owned(), amount(&day.for_cash));
        let mut below = 0;
        let mut blocks = Vec::new();
        for (tone, amount) in by_phone.chain([for_cash]) {
            // Between two edges that are rounded alike there is no gap.
            let foot = below * HEIGHT / best;
            below += amount;
            let head = below * HEIGHT / best;
            if head > foot {
                blocks.push(Block {
                    tone,
                    y: HEIGHT - head,
                    height: head - foot,
                });
            }
        }
        Bar { x, blocks }
    }

    fn all(&self) -> (String, String) {
        let sold = |of: fn(&[Sold]) -> i64| self.days.iter().map(|day| of(&day.by_phone)).sum();
        (count(sold(times)), money(sold(amount)))
    }

    fn all_cash(&self) -> (String, String) {
        let sold = |of: fn(&[Sold]) -> i64| self.days.iter().map(|day| of(&day.for_cash)).sum();
        (count(sold(times)), money(sold(amount)))
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::people::operator::Operator;
    use crate::web::console::{Section, Words};

    use super::*;

    fn lines(sold: &[(&str, i64, i64)]) -> Vec<Sold> {
        let sold = sold.iter().map(|(package, count, amount)| Sold {
            package: (*package).to_owned(),
            count: *count,
            amount: *amount,
        });
        sold.collect()
    }

    fn day(date: &str, sold: &[(&str, i64, i64)], cash: &[(&str, i64, i64)]) -> SoldDay {
        SoldDay {
            date: date.to_owned(),
            name: date.to_owned(),
            by_phone: lines(sold),
            for_cash: lines(cash),
        }
    }

    #[test]
    fn the_best_day_fills_the_chart_and_blocks_stand_on_each_other() {
        let desk = Desk {
            brand: String::new(),
            is_sandbox: false,
            timezone: chrono_tz::UTC,
            operator: Operator::bootstrap(),
            csrf: String::new(),
            here: Section::Sales,
            words: Words {
                alerts: Vec::new(),
                is_outbox_held: false,
            },
            done: None,
        };
        let page = SalesPage::new(
            desk,
            vec![
                day(
                    "2026-11-24",
                    &[("daily", 3, 6_000), ("weekly", 1, 6_000)],
                    &[("daily", 2, 4_000)],
                ),
                day("2026-11-23", &[("daily", 2, 4_000)], &[]),
                day("2026-11-22", &[], &[]),
            ],
        );

        let bars = page.bars();

        assert_eq!(
            bars.iter().map(|bar| bar.x).collect::<Vec<_>>(),
            [0, 20, 40]
        );
        let best: Vec<_> = bars[2]
            .blocks
            .iter()
            .map(|it| (it.tone.as_str(), it.y, it.height))
            .collect();
        assert_eq!(best, [("t1", 100, 60), ("t2", 40, 60), ("cash", 0, 40)]);
        assert_eq!(bars[1].blocks[0].height, 40);
        assert!(bars[0].blocks.is_empty());
        // Cash is told beside, and is in no sum of what ZenoPay pays out.
        assert_eq!(page.all(), ("6".to_owned(), "16,000 TZS".to_owned()));
        assert_eq!(page.all_cash(), ("2".to_owned(), "4,000 TZS".to_owned()));
    }
}
