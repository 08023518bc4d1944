//! What the report of a day says.

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::shop_day::ShopDay;

/// Lines of one list at most.
pub(super) const MOST_LINES: usize = 1_000;

/// What was sold of one package, and what came in for it in whole TZS: the price where ZenoPay named
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
    pub fn sold(sales: &[PackageSales]) -> Self {
        Self {
            count: sales.iter().map(|line| line.count).sum(),
            amount: sales.iter().map(|line| line.amount).sum(),
        }
    }
}

/// One order in a list.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
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
    /// The first of them, at most `MOST_LINES`.
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

impl<T> Listed<T> {
    /// Both lists as one, of what is in one of them only.
    #[must_use]
    pub(super) fn and(mut self, other: Self) -> Self {
        self.total.count += other.total.count;
        self.total.amount += other.total.amount;
        self.lines.extend(other.lines);
        self.lines.truncate(MOST_LINES);
        self
    }
}

/// A proven delivery about an order that is none of ours.
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
    /// taken for them in cash, as far as that can be known.
    pub cash_sales: Vec<PackageSales>,
    /// Money went back that day.
    pub refunds: Listed<OrderLine>,
    /// The money came that day and an operator has not decided yet.
    pub held: Listed<OrderLine>,
    /// Reported as paid, and there is no voucher: held, or a delivery that we
    /// failed on or could not confirm.
    pub paid_not_fulfilled: Listed<OrderLine>,
    /// Sold that day, and ZenoPay itself has not said yet that it was paid.
    pub fulfilled_not_confirmed: Listed<OrderLine>,
    /// Reported as paid under another reference that day.
    pub second_charges: Listed<OrderLine>,
    /// Sold that day although the same phone was sold the same package by another order, which
    /// it could not know when it bought again: one of the two is to be paid back.
    pub paid_twice: Listed<OrderLine>,
    /// Sold that day for less than the price, which an operator has released or ZenoPay has named
    /// later; the total is the difference.
    pub underpaid: Listed<OrderLine>,
    /// Sold that day for more than the price; the total is the difference.
    pub overpaid: Listed<OrderLine>,
    /// What ZenoPay told that day does not fit the sale.
    pub disagreements: Listed<OrderLine>,
    /// Sold vouchers that FreeRADIUS did not let in when they were tried that day.
    pub refused_vouchers: Listed<OrderLine>,
    /// Proven deliveries about no order of ours.
    pub orphans: Listed<Orphan>,
}
