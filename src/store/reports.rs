//! The report of a day: what was sold, and everything that does not fit together.
//!
//! The queries are in `reports/sql.rs`; each reads one day by an index. Lists are cut at
//! [`MOST`] lines, sums and counts never.

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::{
    ColumnTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
};
use uuid::Uuid;

use super::{Store, StoreError, rows};
use crate::domain::evidence::Word;
use crate::domain::ids::OrderId;
use crate::domain::payment::Status;
use crate::domain::shop_day::ShopDay;

mod sql;

use sql::Section;

/// Lines of one list at most.
pub const MOST: u64 = 1_000;

/// What was sold of one package.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct PackageSales {
    /// The package.
    pub package_code: String,
    /// How often.
    pub count: i64,
    /// For how much, in whole TZS: the prices.
    pub amount: i64,
}

/// How many, and how much money that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Total {
    /// How many.
    pub count: i64,
    /// In whole TZS.
    pub amount: i64,
}

/// One order in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// When that was which put it into the list.
    pub at: DateTime<Utc>,
    /// Which order.
    pub order_id: OrderId,
    /// Where it stands now.
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
    /// Of all, also of those that are cut off.
    pub total: Total,
    /// The first `MOST`.
    pub lines: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            total: Total::default(),
            lines: Vec::new(),
        }
    }
}

/// A proven delivery about an order that is none of ours: money that somebody else sees.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Orphan {
    /// Its number in the journal.
    pub id: i64,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// As the sender named it.
    pub order_id: Option<String>,
    /// ZenoPay's word.
    pub word: Option<String>,
    /// ZenoPay's number.
    pub reference: Option<String>,
    /// In whole TZS, if told.
    pub amount: Option<i64>,
}

/// What was sold on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySales {
    /// Which.
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
    /// taken for them in cash, as far as anybody can tell.
    pub cash_sales: Vec<PackageSales>,
    /// Money went back that day.
    pub refunds: Listed<OrderLine>,
    /// The money came that day and an operator has not decided yet.
    pub held: Listed<OrderLine>,
    /// Somebody says that it was paid, and there is no voucher: held, or a delivery that we
    /// failed on or could not confirm.
    pub paid_not_fulfilled: Listed<OrderLine>,
    /// Sold that day, and ZenoPay itself has not said yet that it was paid.
    pub fulfilled_not_confirmed: Listed<OrderLine>,
    /// Reported as paid under another reference that day.
    pub second_charges: Listed<OrderLine>,
    /// Sold that day although the same phone was sold the same package by another order, which
    /// it could not know when it bought again: one of the two is to be paid back.
    pub paid_twice: Listed<OrderLine>,
    /// Sold that day for more than the price; the total is the difference.
    pub overpaid: Listed<OrderLine>,
    /// What ZenoPay told that day does not fit the sale.
    pub disagreements: Listed<OrderLine>,
    /// Proven deliveries about no order of ours.
    pub orphans: Listed<Orphan>,
}

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

#[derive(FromQueryResult)]
struct Suspect {
    order_id: String,
    received_at: DateTime<Utc>,
    word: Option<String>,
    outcome: String,
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
                paid_not_fulfilled: store.paid_not_fulfilled(&held, day).await?,
                held,
                fulfilled_not_confirmed: store.list(&sql::FULFILLED_NOT_CONFIRMED, day).await?,
                second_charges: store.list(&sql::SECOND_CHARGES, day).await?,
                paid_twice: store.list(sql::paid_twice(store.backend()), day).await?,
                overpaid: store.list(&sql::OVERPAID, day).await?,
                disagreements: store.list(&sql::DISAGREEMENTS, day).await?,
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

    /// What is held, and what deliveries claim that changed nothing.
    async fn paid_not_fulfilled(
        &self,
        held: &Listed<OrderLine>,
        day: ShopDay,
    ) -> Result<Listed<OrderLine>, StoreError> {
        let mut suspects: Vec<Suspect> = self.all(&sql::suspects(), day).await?;
        suspects.retain(|it| it.word.as_deref().map(Word::read) == Some(Word::Paid));
        let named = |it: &Suspect| it.order_id.parse::<OrderId>().ok();
        let found = payments::Entity::find()
            .filter(
                payments::Column::OrderId.is_in(suspects.iter().filter_map(named).map(|it| it.0)),
            )
            .filter(rows::may_still_be_paid())
            .all(&self.inner.reader)
            .await?;

        let mut listed = held.clone();
        for row in found {
            let order_id = OrderId(row.order_id);
            let claims = suspects.iter().find(|it| named(it) == Some(order_id));
            let Some(claim) = claims else { continue };
            listed.total.count += 1;
            listed.total.amount += row.amount;
            listed.lines.push(OrderLine {
                at: claim.received_at,
                order_id,
                status: rows::status(&row.status)?,
                package_code: row.package_code,
                amount: row.amount,
                paid_amount: row.paid_amount,
                reference: row.reference,
                note: Some(format!("a delivery says paid: {}", claim.outcome)),
            });
        }
        Ok(listed)
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
