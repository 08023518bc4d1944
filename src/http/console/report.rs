//! A day, and what does not fit together.

use actix_web::HttpResponse;
use askama::Template;
use chrono::{Days, NaiveDate};

use super::deliveries::sender_named;
use super::{PageContext, Section, filters, shown};
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::operators::reports::day_of;
use crate::http::problem::Problem;
use crate::store::{DailyReport, Listed, OrderLine, Orphan, PackageSales, Total};

/// Lines of a list that are shown; the CSV has more.
const LINES: usize = 20;

/// A list of the report.
struct List {
    name: &'static str,
    /// What it means, and what to do.
    meaning: &'static str,
    /// Whether an operator must look when it is not empty.
    is_trouble: bool,
    total: Total,
    lines: Lines,
}

/// The first lines of a list.
enum Lines {
    Orders(Vec<OrderLine>),
    Orphans(Vec<Orphan>),
}

#[derive(Template)]
#[template(path = "console/report.html")]
struct ReportPage {
    desk: PageContext,
    sight: Visibility,
    date: NaiveDate,
    before: Option<NaiveDate>,
    after: Option<NaiveDate>,
    /// A way to sell, what it means, and what was sold in it.
    ways: [(&'static str, &'static str, Vec<PackageSales>); 2],
    sold: Total,
    cash: Total,
    lists: Vec<List>,
}

impl ReportPage {
    fn troubles(&self) -> i64 {
        let troubles = self.lists.iter().filter(|list| list.is_trouble);
        troubles.map(|list| list.total.count).sum()
    }

    fn sender_named(&self, orphan: &Orphan) -> String {
        sender_named(orphan.order_id.as_deref(), self.sight)
    }
}

impl List {
    fn orders(
        name: &'static str,
        meaning: &'static str,
        is_trouble: bool,
        mut listed: Listed<OrderLine>,
    ) -> Self {
        listed.lines.truncate(LINES);
        Self {
            name,
            meaning,
            is_trouble,
            total: listed.total,
            lines: Lines::Orders(listed.lines),
        }
    }

    fn orphans(mut listed: Listed<Orphan>) -> Self {
        listed.lines.truncate(LINES);
        Self {
            name: "Orphans",
            meaning: "Proven deliveries about no order of ours: money that somebody else sees.",
            is_trouble: true,
            total: listed.total,
            lines: Lines::Orphans(listed.lines),
        }
    }

    fn tone(&self) -> &'static str {
        match (self.total.count, self.is_trouble) {
            (0, _) => "none",
            (_, true) => "trouble",
            (_, false) => "some",
        }
    }

    fn shown(&self) -> usize {
        match &self.lines {
            Lines::Orders(lines) => lines.len(),
            Lines::Orphans(lines) => lines.len(),
        }
    }

    fn rest(&self) -> i64 {
        self.total.count - i64::try_from(self.shown()).unwrap_or(i64::MAX)
    }
}

/// One day, from the same reading as the API's report.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    let today = day_of(None, &caller)?;
    let day = match caller.parameter("date").as_str() {
        "" => today,
        date => day_of(Some(date), &caller)?,
    };
    let mut report = caller.api.store.daily_report(day).await?;
    let after = day.date.checked_add_days(Days::new(1));
    let (sales, cash) = (
        std::mem::take(&mut report.sales),
        std::mem::take(&mut report.cash_sales),
    );
    Ok(shown(&ReportPage {
        desk: PageContext::of(&caller, Section::Report).await,
        sight: caller.sight(),
        date: day.date,
        before: day.date.checked_sub_days(Days::new(1)),
        after: after.filter(|date| *date <= today.date),
        sold: Total::sold(&sales),
        cash: Total::sold(&cash),
        ways: [
            ("Sold with mobile money", "", sales),
            (
                "Printed vouchers first used",
                "A printed voucher counts on the day of its first log-in, at the price on the card: that it was printed says nothing, and what was taken in cash is known at the till alone.",
                cash,
            ),
        ],
        lists: lists(report),
    }))
}

#[rustfmt::skip] // A table is read by its columns.
fn lists(report: DailyReport) -> Vec<List> {
    vec![
        List::orders("Paid, not fulfilled", "Somebody says that it was paid, and there is no voucher. Decide what is held, and ask ZenoPay about the others.", true, report.paid_not_fulfilled),
        List::orders("Fulfilled, not confirmed", "Sold, and ZenoPay's order-status has not said yet that it was paid. It is asked by itself.", false, report.fulfilled_not_confirmed),
        List::orders("Second charges", "Paid once more under another reference. Pay the guest back.", true, report.second_charges),
        List::orders("Two orders for one purchase", "The guest bought again before the first money was known, and both were paid. Pay one of the two back.", true, report.paid_twice),
        List::orphans(report.orphans),
        List::orders("Disagreements", "What ZenoPay told does not fit the sale.", true, report.disagreements),
        List::orders("Refused by FreeRADIUS", "Sold, and FreeRADIUS did not let the voucher in when malipo tried it. The order's timeline tells whether it does by now.", true, report.refused_vouchers),
        List::orders("Paid too little", "Sold for less than the price: an operator has released it, or ZenoPay has named the amount after the sale. The sum is the difference to the price.", true, report.underpaid),
        List::orders("Paid too much", "The sum is the difference to the price.", false, report.overpaid),
        // Already counted among what is paid and not fulfilled.
        List::orders("Held", "The money came, and an operator has not decided: also above.", false, report.held),
        List::orders("Refunds", "Recorded as paid back.", false, report.refunds),
    ]
}
