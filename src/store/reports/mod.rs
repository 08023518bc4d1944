//! The report of a day: what was sold, and everything that does not fit together.
//!
//! What it says is in `reports/document.rs`, the queries are in `reports/sql.rs`; each reads one
//! day by an index. Lists are cut at `MOST_LINES`; sums and counts come from queries of their own
//! and are never cut.

use sea_orm::{DbBackend, FromQueryResult, Value};

use super::engine::sql as text;
use super::{Store, StoreError};
use crate::domain::shop_day::ShopDay;
use sql::Section;

mod document;
pub(super) mod overview;
mod sql;

pub use document::{DailyReport, DaySales, Listed, OrderLine, Orphan, PackageSales, Total};

impl Store {
    /// The report of a day.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn daily_report(&self, day: ShopDay) -> Result<DailyReport, StoreError> {
        let held = self.list(&sql::HELD, day).await?;
        let claimed = self.list(sql::claimed(self.backend()), day).await?;
        Ok(DailyReport {
            sales: self.all(sql::SALES, day).await?,
            cash_sales: self.cash_sales(day).await?,
            refunds: self.list(&sql::REFUNDS, day).await?,
            paid_not_fulfilled: held.clone().and(claimed),
            held,
            fulfilled_not_confirmed: self.list(&sql::FULFILLED_NOT_CONFIRMED, day).await?,
            second_charges: self.list(&sql::SECOND_CHARGES, day).await?,
            paid_twice: self.list(sql::paid_twice(self.backend()), day).await?,
            underpaid: self.list(&sql::UNDERPAID, day).await?,
            overpaid: self.list(&sql::OVERPAID, day).await?,
            disagreements: self.list(&sql::DISAGREEMENTS, day).await?,
            refused_vouchers: self.list(&sql::REFUSED_VOUCHERS, day).await?,
            orphans: Listed {
                total: self.total(sql::ORPHANS_TOTAL, day).await?,
                lines: self.all(&sql::orphans(), day).await?,
            },
        })
    }

    /// What was sold on each of these days, by phone and for cash.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sales_of(&self, days: Vec<ShopDay>) -> Result<Vec<DaySales>, StoreError> {
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
    async fn cash_sales(&self, day: ShopDay) -> Result<Vec<PackageSales>, StoreError> {
        let bounds: [Value; 2] = [day.begins, day.ends].map(|at| match self.backend() {
            DbBackend::Postgres => at.into(),
            _ => at.timestamp().into(),
        });
        text::rows(&self.db(), sql::CASH_SALES, bounds).await
    }

    async fn list(&self, section: &Section, day: ShopDay) -> Result<Listed<OrderLine>, StoreError> {
        Ok(Listed {
            total: self.total(&section.total(), day).await?,
            lines: self.all(&section.lines(), day).await?,
        })
    }

    async fn total(&self, query: &str, day: ShopDay) -> Result<Total, StoreError> {
        let found = self.all(query, day).await?.pop();
        Ok(found.unwrap_or_default())
    }

    async fn all<T: FromQueryResult>(
        &self,
        query: &str,
        day: ShopDay,
    ) -> Result<Vec<T>, StoreError> {
        text::rows(&self.db(), query, [day.begins.into(), day.ends.into()]).await
    }
}
