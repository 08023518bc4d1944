//! The daily report, in JSON or CSV.

use actix_web::web;
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, Caller, Code, Problem, no_store, report_csv, rfc3339, spreadsheet};
use crate::domain::catalog::CURRENCY;
use crate::domain::people::Visibility;
use crate::domain::shop_day::ShopDay;
use crate::store::{DailyReport, Listed, OrderLine, Orphan, PackageSales, Total};

/// Which day, and in which format.
#[derive(Deserialize)]
pub struct ReportQuery {
    date: Option<String>,
    format: Option<String>,
}

/// One day of the shop. Lists have at most 1000 lines; totals count all.
#[derive(Serialize, ToSchema)]
pub struct DailyDocument {
    status: &'static str,
    date: String,
    timezone: &'static str,
    currency: &'static str,
    from: String,
    to: String,
    /// All sales of that day, also if they were refunded later.
    sales: Vec<PackageSales>,
    /// Printed vouchers that were first used that day, at the prices of their batches: the first
    /// log-in is the only sign that a card was sold. Part of no other sum.
    cash_sales: Vec<PackageSales>,
    totals: Totals,
    paid_not_fulfilled: Vec<ReportedOrder>,
    fulfilled_not_confirmed: Vec<ReportedOrder>,
    second_charges: Vec<ReportedOrder>,
    /// The later of two paid orders of one phone for the same purchase.
    paid_twice: Vec<ReportedOrder>,
    /// Sold for less than the price, which is the `amount`.
    underpaid: Vec<ReportedOrder>,
    overpaid: Vec<ReportedOrder>,
    disagreements: Vec<ReportedOrder>,
    /// Sold vouchers that FreeRADIUS refused when they were tested that day.
    refused_vouchers: Vec<ReportedOrder>,
    held: Vec<ReportedOrder>,
    refunds: Vec<ReportedOrder>,
    /// Authentic webhooks for order ids that we do not have.
    orphans: Vec<Orphan>,
}

/// The total of each list and of the sales, also of what is beyond 1000 lines: the paid amount; for
/// `underpaid` and `overpaid` the difference to the price; for `second_charges`, `disagreements`
/// and `refused_vouchers` the price.
#[derive(Serialize, ToSchema)]
pub struct Totals {
    sales: Total,
    cash_sales: Total,
    refunds: Total,
    paid_not_fulfilled: Total,
    fulfilled_not_confirmed: Total,
    second_charges: Total,
    paid_twice: Total,
    underpaid: Total,
    overpaid: Total,
    disagreements: Total,
    refused_vouchers: Total,
    held: Total,
    orphans: Total,
}

/// One order in a list.
#[derive(Serialize, ToSchema)]
pub struct ReportedOrder {
    at: String,
    /// The order's `ref`.
    order: String,
    /// Null for viewers.
    order_id: Option<String>,
    payment_status: &'static str,
    package: String,
    /// The price, in whole TZS.
    amount: i64,
    /// What was paid, if ZenoPay named the amount.
    paid_amount: Option<i64>,
    reference: Option<String>,
    note: Option<String>,
}

/// One day of the shop, from midnight to midnight in its zone; today without `date`.
#[utoipa::path(get, path = "/api/v1/operator/reports/daily", tag = "operator",
    params(
        ("date" = Option<NaiveDate>, Query, description = "`YYYY-MM-DD` in the shop's time zone"),
        ("format" = Option<String>, Query, pattern = "^(json|csv)$", description = "`json`, for programs, or `csv`, for spreadsheets")),
    responses(
        (status = 200, description = "The day", content(
            (DailyDocument = "application/json"), (String = "text/csv"))),
        (status = 422, description = "`invalid_query`")))]
pub async fn daily(query: web::Query<ReportQuery>, caller: Caller) -> Answer {
    let is_csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Code::InvalidQuery.detail("format must be json or csv")),
    };
    let day = day_of(query.date.as_deref(), &caller)?;
    let report = caller.api.store.daily_report(day).await?;
    let zone = caller.api.timezone;
    if !is_csv {
        return Ok(no_store(document(day, zone, report, caller.visibility())));
    }
    let rows = report_csv::rows(&report, zone, caller.visibility());
    spreadsheet::file(&day.date.to_string(), rows)
}

/// A day of the shop; today without a date.
///
/// # Errors
/// A 422 if it is not written as `YYYY-MM-DD`.
pub fn day_of(date: Option<&str>, caller: &Caller) -> Result<ShopDay, Problem> {
    let zone = caller.api.timezone;
    let fault = || Code::InvalidQuery.detail("date must be a day, as YYYY-MM-DD");
    let Some(text) = date else {
        return ShopDay::at(caller.api.store.clock().now(), &zone).ok_or_else(fault);
    };
    let date: NaiveDate = text.parse().map_err(|_| fault())?;
    // chrono alone would also accept `2026-1-5` and years of six digits.
    let day = ShopDay::of(date, &zone).filter(|_| date.to_string() == text);
    day.ok_or_else(fault)
}

fn document(day: ShopDay, zone: Tz, report: DailyReport, visibility: Visibility) -> DailyDocument {
    let orders = |list: Listed<OrderLine>| {
        let lines = list.lines.into_iter();
        Vec::from_iter(lines.map(|line| ReportedOrder::of(line, visibility)))
    };
    let mut orphans = report.orphans.lines;
    for orphan in &mut orphans {
        orphan.order_id = visibility.free_text(orphan.order_id.as_deref());
    }
    DailyDocument {
        status: "success",
        date: day.date.to_string(),
        timezone: zone.name(),
        currency: CURRENCY,
        from: rfc3339(day.begins),
        to: rfc3339(day.ends),
        totals: Totals {
            sales: Total::sold(&report.sales),
            cash_sales: Total::sold(&report.cash_sales),
            refunds: report.refunds.total,
            paid_not_fulfilled: report.paid_not_fulfilled.total,
            fulfilled_not_confirmed: report.fulfilled_not_confirmed.total,
            second_charges: report.second_charges.total,
            paid_twice: report.paid_twice.total,
            underpaid: report.underpaid.total,
            overpaid: report.overpaid.total,
            disagreements: report.disagreements.total,
            refused_vouchers: report.refused_vouchers.total,
            held: report.held.total,
            orphans: report.orphans.total,
        },
        sales: report.sales,
        cash_sales: report.cash_sales,
        paid_not_fulfilled: orders(report.paid_not_fulfilled),
        fulfilled_not_confirmed: orders(report.fulfilled_not_confirmed),
        second_charges: orders(report.second_charges),
        paid_twice: orders(report.paid_twice),
        underpaid: orders(report.underpaid),
        overpaid: orders(report.overpaid),
        disagreements: orders(report.disagreements),
        refused_vouchers: orders(report.refused_vouchers),
        held: orders(report.held),
        refunds: orders(report.refunds),
        orphans,
    }
}

impl ReportedOrder {
    fn of(line: OrderLine, visibility: Visibility) -> Self {
        Self {
            at: rfc3339(line.at),
            order: line.order_id.order_ref().to_string(),
            order_id: visibility.order_id(line.order_id),
            payment_status: line.status.as_str(),
            package: line.package_code,
            amount: line.amount,
            paid_amount: line.paid_amount,
            reference: line.reference,
            note: line.note,
        }
    }
}
