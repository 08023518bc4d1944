//! The report of a day: what was sold, and everything that does not fit together.
//!
//! What it says is in `reports/document.rs`, the queries are in `reports/sql.rs`; each reads one
//! day by an index. Lists are cut at `MOST_LINES`; sums and counts come from queries of their own
//! and are never cut.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{Store, StoreError, rows};
use crate::domain::order::ids::OrderId;
use crate::domain::shop_day::ShopDay;

pub(super) mod dependency_health;
mod document;
pub(super) mod overview;
mod sql;

use sql::Section;

pub use document::{DailyReport, DaySales, Listed, OrderLine, Orphan, PackageSales, Total};

#[derive(FromQueryResult)]
struct LineRow {
    at: DateTime<Utc>,
    order_id: Uuid,
    status: String,
    package_code: String,
    amount: i64,
    paid_amount: Option<i64>,
    reference: Option<String>,
    note: Option<String>,
}

impl Store {
    /// The report of a day.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn daily_report(&self, day: ShopDay) -> Result<DailyReport, StoreError> {
        let store = self.clone();
        self.read(async move {
            let held = store.list(&sql::HELD, day).await?;
            Ok(DailyReport {
                sales: store.all(sql::SALES, day).await?,
                cash_sales: store.cash_sales(day).await?,
                refunds: store.list(&sql::REFUNDS, day).await?,
                paid_not_fulfilled: held
                    .clone()
                    .and(store.list(sql::claimed(store.backend()), day).await?),
                held,
                fulfilled_not_confirmed: store.list(&sql::FULFILLED_NOT_CONFIRMED, day).await?,
                second_charges: store.list(&sql::SECOND_CHARGES, day).await?,
                paid_twice: store.list(sql::paid_twice(store.backend()), day).await?,
                underpaid: store.list(&sql::UNDERPAID, day).await?,
                overpaid: store.list(&sql::OVERPAID, day).await?,
                disagreements: store.list(&sql::DISAGREEMENTS, day).await?,
                refused_vouchers: store.list(&sql::REFUSED_VOUCHERS, day).await?,
                orphans: Listed {
                    total: store.total(sql::ORPHANS_TOTAL, day).await?,
                    lines: store.all(&sql::orphans(), day).await?,
                },
            })
        })
        .await
    }

    /// What was sold on each of these days, by phone and for cash.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sales_of(&self, days: Vec<ShopDay>) -> Result<Vec<DaySales>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let mut sales = Vec::with_capacity(days.len());
            for day in days {
                sales.push(DaySales {
                    day,
                    by_phone: store.all(sql::SALES, day).await?,
                    for_cash: store.cash_sales(day).await?,
                });
            }
            Ok(sales)
        })
        .await
    }

    /// FreeRADIUS's times are seconds since 1970 on SQLite; the shop's days begin at whole ones.
    async fn cash_sales(&self, day: ShopDay) -> Result<Vec<PackageSales>, DbErr> {
        let backend = self.inner.reader.get_database_backend();
        let bounds: [Value; 2] = [day.begins, day.ends].map(|at| match backend {
            DbBackend::Postgres => at.into(),
            _ => at.timestamp().into(),
        });
        let ask = Statement::from_sql_and_values(backend, sql::CASH_SALES, bounds);
        PackageSales::find_by_statement(ask)
            .all(&self.inner.reader)
            .await
    }

    async fn list(&self, section: &Section, day: ShopDay) -> Result<Listed<OrderLine>, StoreError> {
        let found: Vec<LineRow> = self.all(&section.lines(), day).await?;
        let lines = found.into_iter().map(line).collect::<Result<_, _>>()?;
        Ok(Listed {
            total: self.total(&section.total(), day).await?,
            lines,
        })
    }

    async fn total(&self, text: &str, day: ShopDay) -> Result<Total, DbErr> {
        let found = Total::find_by_statement(self.of_day(text, day))
            .one(&self.inner.reader)
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn all<T: FromQueryResult>(&self, text: &str, day: ShopDay) -> Result<Vec<T>, DbErr> {
        T::find_by_statement(self.of_day(text, day))
            .all(&self.inner.reader)
            .await
    }

    fn of_day(&self, text: &str, day: ShopDay) -> Statement {
        let bounds = [day.begins.into(), day.ends.into()];
        Statement::from_sql_and_values(self.inner.reader.get_database_backend(), text, bounds)
    }
}

fn line(row: LineRow) -> Result<OrderLine, StoreError> {
    Ok(OrderLine {
        at: row.at,
        order_id: OrderId(row.order_id),
        status: rows::status(&row.status)?,
        package_code: row.package_code,
        amount: row.amount,
        paid_amount: row.paid_amount,
        reference: row.reference,
        note: row.note,
    })
}
