//! Sales by day and package, with a chart that needs no script.

use std::collections::BTreeSet;

use askama::Template;
use chrono::Days;

use super::format::{money, thousands};
use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::shop_day::ShopDay;
use crate::http::operators::reports::day_of;
use crate::store::{DaySales, PackageSales, Total};

/// Days on the page.
const DAYS: u64 = 30;
/// Height of the chart, in its own units.
const HEIGHT: i64 = 160;
/// Width of a day.
const WIDTH: i64 = 20;
/// Colours for packages; all after the fifth share the last.
const TONES: usize = 6;
/// The colour of cash sales.
const CASH: &str = "cash";

/// A part of a day's bar.
struct Block<'a> {
    tone: &'a str,
    x: i64,
    y: i64,
    height: i64,
}

/// The last days, newest first.
#[derive(Template)]
#[template(path = "console/sales.html")]
struct SalesPage {
    context: PageContext,
    days: Vec<DaySales>,
    /// Sold with mobile money.
    sold: Total,
    /// Printed vouchers that were first used; the page does not mention them if there are none.
    cash: Total,
    /// Each package and its colour.
    packages: Vec<(String, String)>,
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

fn or_dash(number: i64, format: impl Fn(i64) -> String) -> String {
    match number {
        0 => "–".to_owned(),
        number => format(number),
    }
}

impl SalesPage {
    fn new(context: PageContext, days: Vec<DaySales>) -> Self {
        let by_phone = || days.iter().flat_map(|day| &day.by_phone);
        let packages: BTreeSet<_> = by_phone().map(|sold| &sold.package_code).collect();
        let tone = |at: usize| format!("t{}", at.min(TONES - 1) + 1);
        let packages = packages.into_iter().enumerate();
        Self {
            context,
            sold: Total::sold(by_phone()),
            cash: Total::sold(days.iter().flat_map(|day| &day.for_cash)),
            packages: packages
                .map(|(at, package)| (tone(at), package.clone()))
                .collect(),
            days,
        }
    }

    fn sold_count(&self, day: &DaySales, package: &str) -> String {
        sold(day, package).map_or("–".to_owned(), |sold| thousands(sold.count))
    }

    fn amount_of(&self, sales: &[PackageSales]) -> String {
        or_dash(Total::sold(sales).amount, money)
    }

    fn count_of(&self, sales: &[PackageSales]) -> String {
        or_dash(Total::sold(sales).count, thousands)
    }

    /// The amount of the best day, mobile money and cash together.
    fn highest_day(&self) -> i64 {
        let sales = |day: &DaySales| Total::sold(day.by_phone.iter().chain(&day.for_cash)).amount;
        self.days.iter().map(sales).max().unwrap_or(0)
    }

    fn view_box(&self) -> String {
        let days = i64::try_from(self.days.len()).unwrap_or(0);
        format!("0 0 {} {HEIGHT}", days * WIDTH)
    }

    /// Oldest day first.
    fn blocks(&self) -> Vec<Block<'_>> {
        let days = self.days.iter().rev().zip(0..);
        days.flat_map(|(day, at)| self.bar(day, at * WIDTH))
            .collect()
    }

    fn bar(&self, day: &DaySales, x: i64) -> Vec<Block<'_>> {
        let highest = self.highest_day().max(1);
        let amount = |package| sold(day, package).map_or(0, |sold| sold.amount);
        let packages = self.packages.iter();
        let by_phone = packages.map(|(tone, package)| (tone.as_str(), amount(package)));
        let for_cash = (CASH, Total::sold(&day.for_cash).amount);
        let mut below = 0;
        let mut blocks = Vec::new();
        for (tone, amount) in by_phone.chain([for_cash]) {
            // Round both edges in the same way, so that blocks have no gap between them.
            let foot = below * HEIGHT / highest;
            below += amount;
            let head = below * HEIGHT / highest;
            if head > foot {
                blocks.push(Block {
                    tone,
                    x,
                    y: HEIGHT - head,
                    height: head - foot,
                });
            }
        }
        blocks
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

        // Oldest day first: nothing, one package, two packages and cash.
        let blocks = page.blocks();
        let blocks: Vec<_> = (blocks.iter())
            .map(|it| (it.x, it.tone, it.y, it.height))
            .collect();
        assert_eq!(
            blocks,
            [
                (20, "t1", 120, 40),
                (40, "t1", 100, 60),
                (40, "t2", 40, 60),
                (40, "cash", 0, 40)
            ]
        );
        assert_eq!(page.view_box(), "0 0 60 160");
        // Cash is a total of its own: ZenoPay does not pay it out.
        assert_eq!((page.sold.count, page.sold.amount), (6, 16_000));
        assert_eq!((page.cash.count, page.cash.amount), (2, 4_000));
    }
}
