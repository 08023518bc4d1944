//! The report of a day: sales, and lists of what does not add up.

use askama::Template;
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::format::{money, thousands};
use super::webhooks::sender_named;
use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::people::Visibility;
use crate::domain::shop_day::ShopDay;
use crate::http::operators::reports::day_of;
use crate::store::{DailyReport, Listed, OrderLine, Orphan, PackageSales, Total};

/// Lines of a list on the page; the CSV has more.
const LINES: usize = 20;

#[derive(Template)]
#[template(path = "console/report.html")]
struct ReportPage {
    context: PageContext,
    date: NaiveDate,
    before: Option<NaiveDate>,
    after: Option<NaiveDate>,
    /// Sales with mobile money and for cash: the heading, an explanation, and the sales.
    ways: [(&'static str, &'static str, Vec<PackageSales>); 2],
    sold: Total,
    cash: Total,
    lists: Vec<List>,
}

/// A list of the report.
struct List {
    name: &'static str,
    /// What it means, and what to do.
    meaning: &'static str,
    /// Whether an operator must look when it is not empty.
    is_trouble: bool,
    total: Total,
    /// The first of them.
    lines: Vec<Line>,
}

/// An order, or a delivery about no order of ours.
struct Line {
    at: DateTime<Utc>,
    href: String,
    name: String,
    status: String,
    amount: Option<i64>,
    note: Option<String>,
}

impl ReportPage {
    fn troubles(&self) -> i64 {
        let troubles = self.lists.iter().filter(|list| list.is_trouble);
        troubles.map(|list| list.total.count).sum()
    }
}

impl List {
    fn of<T>(
        name: &'static str,
        meaning: &'static str,
        is_trouble: bool,
        listed: &Listed<T>,
        line: impl Fn(&T) -> Line,
    ) -> Self {
        Self {
            name,
            meaning,
            is_trouble,
            total: listed.total,
            lines: listed.lines.iter().take(LINES).map(line).collect(),
        }
    }

    fn tone(&self) -> &'static str {
        match (self.total.count, self.is_trouble) {
            (0, _) => "none",
            (_, true) => "trouble",
            (_, false) => "some",
        }
    }

    fn rest(&self) -> i64 {
        self.total.count - i64::try_from(self.lines.len()).unwrap_or(i64::MAX)
    }
}

/// The report of a day; of today without `date`.
pub async fn show(caller: Caller) -> Page {
    let today = day_of(None, &caller)?;
    let day = match caller.parameter("date").as_str() {
        "" => today,
        date => day_of(Some(date), &caller)?,
    };
    let report = caller.api.store.daily_report(day).await?;
    let after = day.date.checked_add_days(Days::new(1));
    let before = day.date.checked_sub_days(Days::new(1));
    Ok(shown(&ReportPage {
        context: PageContext::of(&caller, Section::Report).await,
        date: day.date,
        before: before.filter(|date| ShopDay::of(*date, &caller.api.timezone).is_some()),
        after: after.filter(|date| *date <= today.date),
        sold: Total::sold(&report.sales),
        cash: Total::sold(&report.cash_sales),
        lists: lists(&report, caller.visibility()),
        ways: [
            ("Sold with mobile money", "", report.sales),
            (
                "Printed vouchers first used",
                "A printed voucher counts on the day of its first log-in, at the price on the card. Only the till knows when it was paid, and how much.",
                report.cash_sales,
            ),
        ],
    }))
}

fn of_order(order: &OrderLine) -> Line {
    let order_ref = order.order_id.order_ref();
    Line {
        at: order.at,
        href: format!("/operator/orders/{order_ref}"),
        name: order_ref.to_string(),
        status: order.status.as_str().to_owned(),
        amount: Some(order.paid_amount.unwrap_or(order.amount)),
        note: order.note.clone(),
    }
}

fn of_orphan(orphan: &Orphan, visibility: Visibility) -> Line {
    Line {
        at: orphan.received_at,
        href: format!("/operator/deliveries/{}", orphan.id),
        name: sender_named(orphan.order_id.as_deref(), visibility),
        status: orphan.word.clone().unwrap_or_default(),
        amount: orphan.amount,
        note: orphan.reference.clone(),
    }
}

#[rustfmt::skip] // A table is read by its columns.
fn lists(report: &DailyReport, visibility: Visibility) -> Vec<List> {
    let orders = |name, meaning, is_trouble, listed| List::of(name, meaning, is_trouble, listed, of_order);
    vec![
        orders("Paid, not fulfilled", "Reported as paid, and there is no voucher. Decide the held orders, and ask ZenoPay about the others.", true, &report.paid_not_fulfilled),
        orders("Fulfilled, not confirmed", "Sold, and ZenoPay's order-status has not confirmed the payment yet. It is checked automatically.", false, &report.fulfilled_not_confirmed),
        orders("Second charges", "Paid again under another reference. Pay the guest back.", true, &report.second_charges),
        orders("Two orders for one purchase", "The guest bought again before the first payment was known, and paid both. Pay one of them back.", true, &report.paid_twice),
        List::of("Orphans", "Proven deliveries about no order of ours: the payments belong to another system.", true, &report.orphans, |orphan| of_orphan(orphan, visibility)),
        orders("Disagreements", "What ZenoPay reported does not match the sale.", true, &report.disagreements),
        orders("Refused by FreeRADIUS", "Sold, and FreeRADIUS refused the voucher when malipo tried it. The order's timeline shows whether it accepts it by now.", true, &report.refused_vouchers),
        orders("Paid too little", "Sold for less than the price: an operator released it, or ZenoPay named the amount after the sale. The sum is the difference to the price.", true, &report.underpaid),
        orders("Paid too much", "The sum is the difference to the price.", false, &report.overpaid),
        // Counted already as paid and not fulfilled.
        orders("Held", "Paid, and an operator has not decided yet. Also listed above.", false, &report.held),
        orders("Refunds", "Recorded as paid back.", false, &report.refunds),
    ]
}
