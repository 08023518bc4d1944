//! Orders by what an operator types, newest first.
//!
//! The rule that must not be broken: every key is looked up in an index of its own, and reads
//! no orders but those of that key, so that a search in ten million orders is a few short
//! reads. A page is remembered by the number of its last row: rows that arrive meanwhile have
//! higher numbers and move nothing.

use entities::{invoices, order_events, payments, vouchers};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::domain::order::ids::OrderRef;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::search::{Key, PHONE_END_MIN};
use crate::store::{Store, StoreError, rows};

/// A number stands for one payment; remarks of more orders than this name none that matters.
const CHARGED_AGAIN: u64 = 50;

/// Orders of one `ref` that an operator chooses from.
const SAME_REF: u64 = 10;

/// Which orders.
#[derive(Clone, Default)]
pub struct OrderSearch {
    /// Any of these; none is all orders.
    pub keys: Vec<Key>,
    /// Where they stand.
    pub status: Option<Status>,
    /// Only orders before this number: the next page.
    pub before: Option<i64>,
    /// Orders a page.
    pub limit: u64,
}

/// Some rows, and where the next ones begin.
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// The number of the last one; `None` when there are no more.
    pub next: Option<i64>,
}

impl<T> Page<T> {
    /// Of one row more than a page has, if there is one.
    pub(in crate::store) fn of(mut found: Vec<T>, limit: u64, id: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| is_more).map(id);
        Self { items: found, next }
    }
}

impl Store {
    /// A page of orders.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn find_orders(&self, search: OrderSearch) -> Result<Page<Payment>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let mut ids = store.numbers(&search).await?;
            // One order may be found by two keys.
            ids.sort_unstable_by(|one, other| other.cmp(one));
            ids.dedup();
            let ids = Page::of(ids, search.limit, |id| *id);
            let found = payments::Entity::find()
                .filter(payments::Column::Id.is_in(ids.items))
                .order_by_desc(payments::Column::Id)
                .find_also_related(vouchers::Entity)
                .all(&store.inner.reader)
                .await?;
            let items = found
                .into_iter()
                .map(|(row, voucher)| rows::payment(row, voucher))
                .collect::<Result<_, _>>()?;
            Ok(Page {
                items,
                next: ids.next,
            })
        })
        .await
    }

    /// The newest orders that have this `ref`: nearly always one at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn orders_of_ref(&self, order_ref: OrderRef) -> Result<Vec<Payment>, StoreError> {
        let search = OrderSearch {
            keys: vec![Key::Ref(order_ref)],
            limit: SAME_REF,
            ..OrderSearch::default()
        };
        Ok(self.find_orders(search).await?.items)
    }

    async fn numbers(&self, search: &OrderSearch) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::new();
        for lookup in self.lookups(search).await? {
            ids.extend(lookup.into_tuple::<i64>().all(&self.inner.reader).await?);
        }
        Ok(ids)
    }

    async fn lookups(
        &self,
        search: &OrderSearch,
    ) -> Result<Vec<Select<payments::Entity>>, StoreError> {
        let mut lookups = Vec::new();
        if search.keys.is_empty() {
            lookups.push(page_of(search));
        }
        for key in &search.keys {
            match key {
                Key::Order(order_id) => {
                    lookups.push(few(search).filter(payments::Column::OrderId.eq(order_id.0)));
                }
                Key::Ref(order_ref) => lookups.push(few(search).filter(has_ref(*order_ref))),
                Key::PhoneEnd(digits) => lookups.push(few(search).filter(phone_ends(digits))),
                Key::Phone(phone) => {
                    let phone = payments::Column::Phone.eq(phone.international());
                    lookups.push(few(search).filter(phone));
                }
                Key::Code(code) => {
                    let sold = vouchers::Entity::find()
                        .select_only()
                        .column(vouchers::Column::PaymentId)
                        .column(vouchers::Column::FormerPaymentId)
                        .filter(vouchers::Column::Code.eq(code.as_str()))
                        .into_tuple::<(Option<i64>, Option<i64>)>()
                        .one(&self.inner.reader)
                        .await?;
                    // A printed voucher has no order; a code that was replaced had one.
                    if let Some(id) = sold.and_then(|(id, former)| id.or(former)) {
                        lookups.push(few(search).filter(payments::Column::Id.eq(id)));
                    }
                }
                Key::Number(number) => {
                    // As it was told; mobile-money operators write theirs in capitals.
                    let told = [number.clone(), number.to_uppercase()];
                    for column in [payments::Column::Reference, payments::Column::Transid] {
                        lookups.push(few(search).filter(column.is_in(told.clone())));
                    }
                    let billed = invoices::Entity::find()
                        .select_only()
                        .column(invoices::Column::PaymentId)
                        .filter(invoices::Column::Number.is_in(told.clone()))
                        .into_tuple::<i64>()
                        .all(&self.inner.reader)
                        .await?;
                    if !billed.is_empty() {
                        lookups.push(few(search).filter(payments::Column::Id.is_in(billed)));
                    }
                    let charged = charged_again(&told)
                        .into_tuple::<Uuid>()
                        .all(&self.inner.reader)
                        .await?;
                    if !charged.is_empty() {
                        let again = payments::Column::OrderId.is_in(charged);
                        lookups.push(few(search).filter(again));
                    }
                }
            }
        }
        Ok(lookups)
    }
}

/// Ids are compared byte by byte, so the orders of one `ref` are a range of the unique index.
fn has_ref(order_ref: OrderRef) -> SimpleExpr {
    let (first, last) = order_ref.range();
    payments::Column::OrderId.between(first.0, last.0)
}

/// The last four digits are in an index; those before them narrow down what it finds. A stored
/// phone has twelve characters.
fn phone_ends(digits: &str) -> SimpleExpr {
    let last_four = digits.get(digits.len().saturating_sub(PHONE_END_MIN)..);
    Expr::cust("substr(payments.phone, 9, 4)")
        .eq(last_four.unwrap_or(digits))
        .and(payments::Column::Phone.like(format!("255%{digits}")))
}

/// Orders that were paid for once more under one of these numbers.
fn charged_again(told: &[String]) -> Select<order_events::Entity> {
    order_events::Entity::find()
        .select_only()
        .column(order_events::Column::OrderId)
        .filter(order_events::Column::Reference.is_in(told))
        .order_by_desc(order_events::Column::Id)
        .limit(CHARGED_AGAIN)
}

/// Numbers of the newest orders of one key. A sum is in no index: without it PostgreSQL may
/// walk the whole table from its end, hoping to meet this key's orders soon.
fn few(search: &OrderSearch) -> Select<payments::Entity> {
    allowed(search).order_by(Expr::cust("payments.id + 0"), Order::Desc)
}

/// Numbers of the newest orders.
fn page_of(search: &OrderSearch) -> Select<payments::Entity> {
    allowed(search).order_by_desc(payments::Column::Id)
}

/// Numbers of the orders that the search allows, one more than a page.
fn allowed(search: &OrderSearch) -> Select<payments::Entity> {
    let mut page = payments::Entity::find()
        .select_only()
        .column(payments::Column::Id)
        .limit(search.limit + 1);
    if let Some(before) = search.before {
        page = page.filter(payments::Column::Id.lt(before));
    }
    let Some(status) = search.status else {
        return page;
    };
    let page = page.filter(payments::Column::Status.eq(status.as_str()));
    // The predicate of the partial index that holds these orders. COMPLETED is in none: most
    // orders are, so the newest of them are near the end of the table.
    match status {
        Status::Pending | Status::Held => page.filter(rows::is_open()),
        Status::Failed | Status::Cancelled | Status::Expired | Status::Refunded => {
            page.filter(rows::is_not_sold())
        }
        Status::Completed => page,
    }
}

#[cfg(test)]
mod tests;
