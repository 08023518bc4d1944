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
    /// By package.
    pub sold: Vec<Sold>,
}

impl SoldDay {
    fn amount(&self) -> i64 {
        self.sold.iter().map(|sold| sold.amount).sum()
    }

    fn of(&self, package: &str) -> Option<&Sold> {
        self.sold.iter().find(|sold| sold.package == package)
    }

    fn times(&self, package: &str) -> String {
        self.of(package)
            .map_or("–".to_owned(), |sold| count(sold.count))
    }

    fn total(&self) -> String {
        match self.amount() {
            0 => "–".to_owned(),
            amount => money(amount),
        }
    }
}

/// A part of a day's bar, in the chart's own units.
struct Block {
    tone: usize,
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
            .flat_map(|day| &day.sold)
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

    fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        let tone = |at: usize| at.min(TONES - 1) + 1;
        (self.packages.iter().enumerate()).map(move |(at, package)| (tone(at), package.as_str()))
    }

    fn best(&self) -> i64 {
        self.days.iter().map(SoldDay::amount).max().unwrap_or(0)
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
        let mut below = 0;
        let mut blocks = Vec::new();
        for (tone, package) in self.keys() {
            let amount = day.of(package).map_or(0, |sold| sold.amount);
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
        let sold = || self.days.iter().flat_map(|day| &day.sold);
        let (times, amount) = (
            sold().map(|it| it.count).sum(),
            sold().map(|it| it.amount).sum(),
        );
        (count(times), money(amount))
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::operator::Operator;
    use crate::web::console::{Section, Words};

    use super::*;

    fn day(date: &str, sold: &[(&str, i64, i64)]) -> SoldDay {
        SoldDay {
            date: date.to_owned(),
            name: date.to_owned(),
            sold: sold
                .iter()
                .map(|(package, count, amount)| Sold {
                    package: (*package).to_owned(),
                    count: *count,
                    amount: *amount,
                })
                .collect(),
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
            words: Words { alerts: Vec::new() },
            done: None,
        };
        let page = SalesPage::new(
            desk,
            vec![
                day("2026-11-24", &[("daily", 3, 6_000), ("weekly", 1, 10_000)]),
                day("2026-11-23", &[("daily", 2, 4_000)]),
                day("2026-11-22", &[]),
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
            .map(|it| (it.tone, it.y, it.height))
            .collect();
        assert_eq!(best, [(1, 100, 60), (2, 0, 100)]);
        assert_eq!(bars[1].blocks[0].height, 40);
        assert!(bars[0].blocks.is_empty());
        assert_eq!(page.all(), ("6".to_owned(), "20,000 TZS".to_owned()));
    }
}
