//! The daily report, in JSON or CSV.

use std::collections::BTreeMap;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, web};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::report_csv::{order_lists, sheet};
use super::{Answer, Caller, Code, Problem, fresh, rfc3339};
use crate::domain::catalog::CURRENCY;
use crate::domain::people::Visibility;
use crate::domain::shop_day::ShopDay;
use crate::store::{DailyReport, OrderLine, Orphan, PackageSales, Total};

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
    /// The total of each list and of the sales, also of what is beyond 1000 lines: the paid amount;
    /// for `underpaid` and `overpaid`, the difference to the price.
    totals: BTreeMap<&'static str, Total>,
    /// Each list of orders by its name. `paid_twice` has the later of two paid orders of one phone
    /// for the same purchase; `underpaid` those sold for less than the price, which is the `amount`;
    /// `refused_vouchers` those that FreeRADIUS refused when they were tested that day. The others
    /// are `paid_not_fulfilled`, `fulfilled_not_confirmed`, `second_charges`, `overpaid`,
    /// `disagreements`, `held` and `refunds`.
    #[serde(flatten)]
    lists: BTreeMap<&'static str, Vec<ReportedOrder>>,
    /// Authentic webhooks for order ids that we do not have.
    orphans: Vec<Orphan>,
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
        return Ok(fresh(document(day, zone, report, caller.visibility())));
    }
    let sheet = sheet(&report, zone).map_err(|error| {
        tracing::error!(%error, "failed to write a report as CSV");
        Code::Internal
    })?;
    let name = format!("attachment; filename=\"malipo-{}.csv\"", day.date);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, name))
        .content_type("text/csv; charset=utf-8")
        .body(sheet))
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
    let lists = order_lists(&report);
    let totals = lists.map(|(_, name, list)| (name, list.total));
    let mut totals = BTreeMap::from(totals);
    totals.insert("sales", Total::sold(&report.sales));
    totals.insert("cash_sales", Total::sold(&report.cash_sales));
    totals.insert("orphans", report.orphans.total);
    let lists = lists.map(|(_, name, list)| {
        let lines = list.lines.iter();
        let lines = lines.map(|line| ReportedOrder::of(line, visibility));
        (name, Vec::from_iter(lines))
    });
    let mut orphans = report.orphans.lines;
    for orphan in &mut orphans {
        orphan.order_id = visibility.typed(orphan.order_id.as_deref());
    }
    DailyDocument {
        status: "success",
        date: day.date.to_string(),
        timezone: zone.name(),
        currency: CURRENCY,
        from: rfc3339(day.begins),
        to: rfc3339(day.ends),
        totals,
        lists: lists.into(),
        sales: report.sales,
        cash_sales: report.cash_sales,
        orphans,
    }
}

impl ReportedOrder {
    fn of(line: &OrderLine, visibility: Visibility) -> Self {
        Self {
            at: rfc3339(line.at),
            order: line.order_id.order_ref().to_string(),
            order_id: visibility.order_id(line.order_id),
            payment_status: line.status.as_str(),
            package: line.package_code.clone(),
            amount: line.amount,
            paid_amount: line.paid_amount,
            reference: line.reference.clone(),
            note: line.note.clone(),
        }
    }
}
