//! The report of a day, for a person, a program or a spreadsheet.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::report_csv;
use crate::domain::catalog::money::CURRENCY;
use crate::domain::people::mask::Sight;
use crate::domain::people::operator::Operator;
use crate::domain::shop_day::ShopDay;
use crate::http::Api;
use crate::http::portal::status::rfc3339;
use crate::http::problem::{Code, Problem};
use crate::store::{DailyReport, Listed, OrderLine, Orphan, PackageSales, Total};

/// Which day, and how it is written.
#[derive(Deserialize)]
pub struct ReportQuery {
    date: Option<String>,
    format: Option<String>,
}

/// One day of the shop. Lists hold at most 1000 lines; totals count all.
#[derive(Serialize, ToSchema)]
pub struct DailyDocument {
    status: &'static str,
    date: String,
    timezone: &'static str,
    currency: &'static str,
    from: String,
    to: String,
    /// What was sold that day, whatever became of it later.
    sales: Vec<SalesLine>,
    /// Printed vouchers that were first used that day, at the prices of their batches: printed is
    /// not sold, and the first log-in is the only sign that one was. Part of no other sum.
    cash_sales: Vec<SalesLine>,
    totals: Totals,
    paid_not_fulfilled: Vec<ReportedOrder>,
    fulfilled_not_confirmed: Vec<ReportedOrder>,
    second_charges: Vec<ReportedOrder>,
    /// Two orders of one phone for one purchase, both paid: the one that was sold last.
    paid_twice: Vec<ReportedOrder>,
    /// Sold for less than the price: `amount` is the price.
    underpaid: Vec<ReportedOrder>,
    overpaid: Vec<ReportedOrder>,
    disagreements: Vec<ReportedOrder>,
    /// Sold vouchers that FreeRADIUS did not let in when they were tried that day.
    refused_vouchers: Vec<ReportedOrder>,
    held: Vec<ReportedOrder>,
    refunds: Vec<ReportedOrder>,
    orphans: Vec<ReportedOrphan>,
}

/// What was sold of one package, and what came in for it in whole TZS: the price where ZenoPay named
/// no amount.
#[derive(Serialize, ToSchema)]
pub struct SalesLine {
    package: String,
    count: i64,
    amount: i64,
}

/// How many, and how much money that is, in whole TZS.
#[derive(Serialize, ToSchema)]
pub struct ReportTotal {
    count: i64,
    amount: i64,
}

/// The sums of all lists, never cut: what came in, and of `underpaid` and `overpaid` the difference
/// to the price.
#[derive(Serialize, ToSchema)]
pub struct Totals {
    sales: ReportTotal,
    cash_sales: ReportTotal,
    refunds: ReportTotal,
    paid_not_fulfilled: ReportTotal,
    fulfilled_not_confirmed: ReportTotal,
    second_charges: ReportTotal,
    paid_twice: ReportTotal,
    underpaid: ReportTotal,
    overpaid: ReportTotal,
    disagreements: ReportTotal,
    refused_vouchers: ReportTotal,
    held: ReportTotal,
    orphans: ReportTotal,
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
    /// What was paid, if ZenoPay has said so.
    paid_amount: Option<i64>,
    reference: Option<String>,
    note: Option<String>,
}

/// A proven delivery about no order of ours.
#[derive(Serialize, ToSchema)]
pub struct ReportedOrphan {
    webhook_id: i64,
    received_at: String,
    /// As the sender named it; null for viewers.
    order_id: Option<String>,
    word: Option<String>,
    reference: Option<String>,
    amount: Option<i64>,
}

/// One day of the shop, from midnight to midnight on its own clock; today without `date`.
#[utoipa::path(get, path = "/api/v1/operator/reports/daily", tag = "operator",
    security(("operator" = [])),
    params(
        ("date" = Option<NaiveDate>, Query, description = "`YYYY-MM-DD` in the shop's time zone"),
        ("format" = inline(Option<ReportFormat>), Query)),
    responses(
        (status = 200, description = "The day", content(
            (DailyDocument = "application/json"), (String = "text/csv"))),
        (status = 401, description = "`unauthorized`"),
        (status = 422, description = "`invalid_query`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn daily(
    query: web::Query<ReportQuery>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let format = ReportFormat::read(query.format.as_deref())?;
    let day = day_of(query.date.as_deref(), api.store.clock().now(), api.timezone)?;
    let report = api.store.daily_report(day).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    match format {
        ReportFormat::Json => Ok(response.json(document(
            day,
            api.timezone,
            report,
            Sight::of(operator.role),
        ))),
        ReportFormat::Csv => {
            let name = format!("attachment; filename=\"malipo-{}.csv\"", day.date);
            let sheet = report_csv::sheet(&report, api.timezone).map_err(|error| {
                tracing::error!(%error, "a report cannot be written");
                Problem::new(Code::Internal)
            })?;
            Ok(response
                .insert_header((CONTENT_DISPOSITION, name))
                .content_type("text/csv; charset=utf-8")
                .body(sheet))
        }
    }
}

/// How a report is written.
#[derive(Clone, Copy, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ReportFormat {
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

impl ReportFormat {
    fn read(word: Option<&str>) -> Result<Self, Problem> {
        match word {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(Problem::new(Code::InvalidQuery).detail("format must be json or csv")),
        }
    }
}

fn day_of(date: Option<&str>, now: DateTime<Utc>, zone: chrono_tz::Tz) -> Result<ShopDay, Problem> {
    let fault = || Problem::new(Code::InvalidQuery).detail("date must be a day, as YYYY-MM-DD");
    let Some(text) = date else {
        return ShopDay::at(now, &zone).ok_or_else(fault);
    };
    // chrono alone would also take `2026-1-5` and years of six digits.
    let date: NaiveDate = text.parse().map_err(|_| fault())?;
    if date.to_string() != text {
        return Err(fault());
    }
    ShopDay::of(date, &zone).ok_or_else(fault)
}

fn document(day: ShopDay, zone: chrono_tz::Tz, report: DailyReport, sight: Sight) -> DailyDocument {
    let orders = |listed| orders(listed, sight);
    let (by_phone, for_cash) = (sold(&report.sales), sold(&report.cash_sales));
    DailyDocument {
        status: "success",
        date: day.date.to_string(),
        timezone: zone.name(),
        currency: CURRENCY,
        from: rfc3339(day.begins),
        to: rfc3339(day.ends),
        totals: Totals {
            sales: total(by_phone),
            cash_sales: total(for_cash),
            refunds: total(report.refunds.total),
            paid_not_fulfilled: total(report.paid_not_fulfilled.total),
            fulfilled_not_confirmed: total(report.fulfilled_not_confirmed.total),
            second_charges: total(report.second_charges.total),
            paid_twice: total(report.paid_twice.total),
            underpaid: total(report.underpaid.total),
            overpaid: total(report.overpaid.total),
            disagreements: total(report.disagreements.total),
            refused_vouchers: total(report.refused_vouchers.total),
            held: total(report.held.total),
            orphans: total(report.orphans.total),
        },
        sales: report.sales.into_iter().map(sales_line).collect(),
        cash_sales: report.cash_sales.into_iter().map(sales_line).collect(),
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
        orphans: report
            .orphans
            .lines
            .into_iter()
            .map(|it| orphan(it, sight))
            .collect(),
    }
}

/// All packages together.
pub(super) fn sold(sales: &[PackageSales]) -> Total {
    Total {
        count: sales.iter().map(|line| line.count).sum(),
        amount: sales.iter().map(|line| line.amount).sum(),
    }
}

fn total(total: Total) -> ReportTotal {
    ReportTotal {
        count: total.count,
        amount: total.amount,
    }
}

fn sales_line(line: PackageSales) -> SalesLine {
    SalesLine {
        package: line.package_code,
        count: line.count,
        amount: line.amount,
    }
}

fn orders(listed: Listed<OrderLine>, sight: Sight) -> Vec<ReportedOrder> {
    let reported = listed.lines.into_iter().map(|line| ReportedOrder {
        at: rfc3339(line.at),
        order: line.order_id.order_ref().to_string(),
        order_id: sight.order_id(line.order_id),
        payment_status: line.status.as_str(),
        package: line.package_code,
        amount: line.amount,
        paid_amount: line.paid_amount,
        reference: line.reference,
        note: line.note,
    });
    reported.collect()
}

fn orphan(orphan: Orphan, sight: Sight) -> ReportedOrphan {
    ReportedOrphan {
        webhook_id: orphan.id,
        received_at: rfc3339(orphan.received_at),
        order_id: orphan.order_id.filter(|_| sight == Sight::Whole),
        word: orphan.word,
        reference: orphan.reference,
        amount: orphan.amount,
    }
}
