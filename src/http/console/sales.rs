//! Sales by day and package, with a chart that needs no script.

use askama::Template;
use chrono::Days;

use super::format::{filters, money};
use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::shop_day::ShopDay;
use crate::http::operators::reports::day_of;
use crate::store::{DaySales, PackageSales, Total};
use crate::web::format::thousands;

/// Days on the page.
const DAYS: u64 = 30;
/// Height of the chart, in its own units.
const HEIGHT: i64 = 160;
/// Width of a day.
const WIDTH: i64 = 20;
/// Packages with a colour of their own; the others share the last.
const TONES: usize = 6;
/// The colour of cash sales.
const CASH: &str = "cash";

/// A part of a day's bar.
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

/// The last days, newest first.
#[derive(Template)]
#[template(path = "console/sales.html")]
struct SalesPage {
    context: PageContext,
    days: Vec<DaySales>,
    packages: Vec<String>,
}

/// The last days.
pub async fn show(caller: Caller) -> Page {
    let (today, zone) = (day_of(None, &caller)?.date, caller.api.timezone);
    let day = |back| ShopDay::of(today.checked_sub_days(Days::new(back))?, &zone);
    let days = (0..DAYS).filter_map(day).collect();
    let days = caller.api.store.sales_of(days).await?;
    let context = PageContext::of(&caller, Section::Sales).await;
    Ok(shown(&SalesPage::new(context, days)))
}

/// Sales of a package on a day.
fn sold<'a>(day: &'a DaySales, package: &str) -> Option<&'a PackageSales> {
    let mut sales = day.by_phone.iter();
    sales.find(|sold| sold.package_code == package)
}

fn or_dash(number: i64, shown: impl Fn(i64) -> String) -> String {
    match number {
        0 => "–".to_owned(),
        number => shown(number),
    }
}

impl SalesPage {
    fn new(context: PageContext, days: Vec<DaySales>) -> Self {
        let sales = days.iter().flat_map(|day| &day.by_phone);
        let mut packages: Vec<_> = sales.map(|sold| sold.package_code.clone()).collect();
        packages.sort();
        packages.dedup();
        Self {
            context,
            days,
            packages,
        }
    }

    fn times(&self, day: &DaySales, package: &str) -> String {
        sold(day, package).map_or("–".to_owned(), |sold| thousands(sold.count))
    }

    fn amount_of(&self, sales: &[PackageSales]) -> String {
        or_dash(Total::sold(sales).amount, money)
    }

    fn count_of(&self, sales: &[PackageSales]) -> String {
        or_dash(Total::sold(sales).count, thousands)
    }

    /// Each package and its colour.
    fn tones(&self) -> impl Iterator<Item = (String, &str)> {
        let tone = |at: usize| format!("t{}", at.min(TONES - 1) + 1);
        (self.packages.iter().enumerate()).map(move |(at, package)| (tone(at), package.as_str()))
    }

    /// The meaning of each colour.
    fn keys(&self) -> Vec<(String, &str)> {
        let cash = (CASH.to_owned(), "printed, for cash");
        self.tones()
            .chain(self.has_cash().then_some(cash))
            .collect()
    }

    /// Whether any printed voucher was used; otherwise the page does not mention them.
    fn has_cash(&self) -> bool {
        self.days.iter().any(|day| !day.for_cash.is_empty())
    }

    /// The sales of the best day, by phone and for cash.
    fn best(&self) -> i64 {
        let days = self.days.iter();
        days.map(|day| Total::sold(&day.by_phone).amount + Total::sold(&day.for_cash).amount)
            .max()
            .unwrap_or(0)
    }

    fn view_box(&self) -> String {
        let days = i64::try_from(self.days.len()).unwrap_or(0);
        format!("0 0 {} {HEIGHT}", days * WIDTH)
    }

    /// Oldest day first.
    fn bars(&self) -> Vec<Bar> {
        let days = self.days.iter().rev();
        days.zip(0..)
            .map(|(day, at)| self.bar(day, at * WIDTH))
            .collect()
    }

    fn bar(&self, day: &DaySales, x: i64) -> Bar {
        let best = self.best().max(1);
        let by_phone = self
            .tones()
            .map(|(tone, package)| (tone, sold(day, package).map_or(0, |sold| sold.amount)));
        let for_cash = (CASH.to_owned(), Total::sold(&day.for_cash).amount);
        let mut below = 0;
        let mut blocks = Vec::new();
        for (tone, amount) in by_phone.chain([for_cash]) {
            // Both edges are rounded in the same way, so that there is no gap.
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

    /// All sales by phone.
    fn all(&self) -> Total {
        let sales = self.days.iter().flat_map(|day| day.by_phone.clone());
        Total::sold(&sales.collect::<Vec<_>>())
    }

    /// All printed vouchers that were first used.
    fn all_cash(&self) -> Total {
        let sales = self.days.iter().flat_map(|day| day.for_cash.clone());
        Total::sold(&sales.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::console::tests::context;

    fn lines(sold: &[(&str, i64, i64)]) -> Vec<PackageSales> {
        let sold = sold.iter().map(|(package, count, amount)| PackageSales {
            package_code: (*package).to_owned(),
            count: *count,
            amount: *amount,
        });
        sold.collect()
    }

    fn day(date: &str, sold: &[(&str, i64, i64)], cash: &[(&str, i64, i64)]) -> DaySales {
        DaySales {
            day: ShopDay::of(date.parse().unwrap(), &chrono_tz::UTC).unwrap(),
            by_phone: lines(sold),
            for_cash: lines(cash),
        }
    }

    #[test]
    fn the_best_day_fills_the_chart_and_blocks_are_stacked() {
        let page = SalesPage::new(
            context(),
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
        // Cash is a total of its own: ZenoPay does not pay it out.
        assert_eq!((page.all().count, page.all().amount), (6, 16_000));
        assert_eq!((page.all_cash().count, page.all_cash().amount), (2, 4_000));
    }
}
