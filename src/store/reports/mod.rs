//! The report of a day: what was sold, and everything that does not fit together.
//!
//! The queries are in `reports/sql`; each reads one day by an index. Lists are cut at `LINES_MAX`;
//! sums and counts come from queries of their own and are never cut.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, FromQueryResult, Value};
use serde::Serialize;
use utoipa::ToSchema;

use super::engine::sql as engine_sql;
use super::{Store, error::Result};
use crate::domain::order::{OrderId, Status};
use crate::domain::rfc3339;
use crate::domain::shop_day::ShopDay;
use sql::{LINES_MAX, Section};

pub(super) mod overview;
mod sql;

/// Sales of one package, and what was paid for them in whole TZS: the price where ZenoPay named
/// no amount.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, ToSchema)]
#[schema(as = SalesLine)]
pub struct PackageSales {
    #[serde(rename = "package")]
    pub package_code: String,
    pub count: i64,
    pub amount: i64,
}

/// How many, and how much money that is, in whole TZS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult, Serialize, ToSchema)]
#[schema(as = ReportTotal)]
pub struct Total {
    pub count: i64,
    pub amount: i64,
}

impl Total {
    /// All packages together.
    pub fn sold<'a>(sales: impl IntoIterator<Item = &'a PackageSales>) -> Self {
        let sales = sales.into_iter();
        sales.fold(Self::default(), |sum, line| Self {
            count: sum.count + line.count,
            amount: sum.amount + line.amount,
        })
    }
}

/// One order in a list.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct OrderLine {
    /// When the event happened that put it into the list.
    pub at: DateTime<Utc>,
    /// Its id.
    pub order_id: OrderId,
    /// Its status now.
    pub status: Status,
    /// What was bought.
    pub package_code: String,
    /// The price, in whole TZS.
    pub amount: i64,
    /// What was paid, if ZenoPay has said so.
    pub paid_amount: Option<i64>,
    /// ZenoPay's number.
    pub reference: Option<String>,
    /// What an operator should know.
    pub note: Option<String>,
}

/// A list and its sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Of all, including those that are cut off.
    pub total: Total,
    /// The first of them, at most `LINES_MAX`.
    pub lines: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        let (total, lines) = (Total::default(), Vec::new());
        Self { total, lines }
    }
}

impl<T> Listed<T> {
    /// Both lists as one; no line is in both.
    #[must_use]
    fn and(mut self, other: Self) -> Self {
        self.total.count += other.total.count;
        self.total.amount += other.total.amount;
        self.lines.extend(other.lines);
        self.lines.truncate(LINES_MAX);
        self
    }
}

/// A proven delivery about an order that is none of ours.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, ToSchema)]
pub struct Orphan {
    /// Its number in the journal.
    #[serde(rename = "webhook_id")]
    pub id: i64,
    /// When it was received.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub received_at: DateTime<Utc>,
    /// As the sender named it; null for viewers.
    pub order_id: Option<String>,
    /// ZenoPay's word.
    pub word: Option<String>,
    /// ZenoPay's number.
    pub reference: Option<String>,
    /// In whole TZS, if the delivery names an amount.
    pub amount: Option<i64>,
}

/// What was sold on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySales {
    /// The day.
    pub day: ShopDay,
    /// With mobile money, by package.
    pub by_phone: Vec<PackageSales>,
    /// Printed vouchers that were first used that day, by package.
    pub for_cash: Vec<PackageSales>,
}

/// One day of the shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyReport {
    /// What was sold that day, whatever became of it later.
    pub sales: Vec<PackageSales>,
    /// Printed vouchers that were first used that day, at the prices of their batches: what was
    /// paid for them in cash, as far as that can be known.
    pub cash_sales: Vec<PackageSales>,
    /// Refunded that day.
    pub refunds: Listed<OrderLine>,
    /// The money came that day and an operator has not decided yet.
    pub held: Listed<OrderLine>,
    /// Reported as paid, and there is no voucher: held, or a delivery that failed with an error of
    /// ours or could not be confirmed.
    pub paid_not_fulfilled: Listed<OrderLine>,
    /// Sold that day, and ZenoPay itself has not said yet that it was paid.
    pub fulfilled_not_confirmed: Listed<OrderLine>,
    /// Reported as paid under another reference that day.
    pub second_charges: Listed<OrderLine>,
    /// Sold that day although the same phone was sold the same package by another order, which was
    /// not sold yet when the guest bought again: one of the two is to be paid back.
    pub paid_twice: Listed<OrderLine>,
    /// Sold that day for less than the price: an operator released the order, or ZenoPay named the
    /// amount only after the sale. The total is the difference.
    pub underpaid: Listed<OrderLine>,
    /// Sold that day for more than the price; the total is the difference.
    pub overpaid: Listed<OrderLine>,
    /// What ZenoPay reported that day does not fit the sale.
    pub disagreements: Listed<OrderLine>,
    /// Sold vouchers that FreeRADIUS rejected when they were tested that day.
    pub refused_vouchers: Listed<OrderLine>,
    /// Proven deliveries about no order of ours.
    pub orphans: Listed<Orphan>,
}

impl Store {
    /// The report of a day.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn daily_report(&self, day: ShopDay) -> Result<DailyReport> {
        let held = self.list(sql::held(), day).await?;
        let reported_paid = self.list(sql::reported_paid(self.backend()), day).await?;
        Ok(DailyReport {
            sales: self.all(sql::SALES, day).await?,
            cash_sales: self.cash_sales(day).await?,
            refunds: self.list(sql::refunds(), day).await?,
            paid_not_fulfilled: held.clone().and(reported_paid),
            held,
            fulfilled_not_confirmed: self.list(sql::fulfilled_not_confirmed(), day).await?,
            second_charges: self.list(sql::alerts(sql::SECOND_CHARGES), day).await?,
            paid_twice: self.list(sql::paid_twice(self.backend()), day).await?,
            underpaid: self.list(sql::underpaid(), day).await?,
            overpaid: self.list(sql::overpaid(), day).await?,
            disagreements: self.list(sql::alerts(sql::DISAGREEMENTS), day).await?,
            refused_vouchers: self.list(sql::alerts(sql::REFUSED_VOUCHERS), day).await?,
            orphans: Listed {
                total: self.total(&sql::orphans_total(), day).await?,
                lines: self.all(&sql::orphans(), day).await?,
            },
        })
    }

    /// What was sold on each of these days, by phone and for cash.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sales_of(&self, days: Vec<ShopDay>) -> Result<Vec<DaySales>> {
        let mut sales = Vec::with_capacity(days.len());
        for day in days {
            sales.push(DaySales {
                day,
                by_phone: self.all(sql::SALES, day).await?,
                for_cash: self.cash_sales(day).await?,
            });
        }
        Ok(sales)
    }

    /// FreeRADIUS's times are seconds since 1970 on SQLite; the shop's days begin at whole ones.
    async fn cash_sales(&self, day: ShopDay) -> Result<Vec<PackageSales>> {
        let bounds: [Value; 2] = [day.begins, day.ends].map(|at| match self.backend() {
            DbBackend::Postgres => at.into(),
            _ => at.timestamp().into(),
        });
        engine_sql::rows(&self.db(), sql::CASH_SALES, bounds).await
    }

    async fn list(&self, section: Section, day: ShopDay) -> Result<Listed<OrderLine>> {
        Ok(Listed {
            total: self.total(&section.total(), day).await?,
            lines: self.all(&section.lines(), day).await?,
        })
    }

    async fn total(&self, query: &str, day: ShopDay) -> Result<Total> {
        let found = self.all(query, day).await?.pop();
        Ok(found.unwrap_or_default())
    }

    async fn all<T: FromQueryResult>(&self, query: &str, day: ShopDay) -> Result<Vec<T>> {
        engine_sql::rows(&self.db(), query, [day.begins.into(), day.ends.into()]).await
    }
}
