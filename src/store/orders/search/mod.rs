//! Orders by other keys than their id, which `engine/reader` reads by: by what an operator types,
//! newest first, and by what a client has.
//!
//! # Invariants
//! Every key is looked up in an index of its own, and reads no orders but those of that key, so that
//! a search in ten million orders is a few short reads. A page is remembered by the number of its last row: rows that arrive meanwhile have
//! higher numbers and move nothing.

use entities::order_events;
use entities::payments::{self, Column};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::domain::access::OwnerToken;
use crate::domain::catalog::purchase::IdempotencyKey;
use crate::domain::order::ids::OrderRef;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::phone::Phone;
use crate::domain::search::{Key, PHONE_END_MIN};
use crate::store::engine::sql;
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
    /// [`StoreError::Unavailable`].
    pub async fn find_orders(&self, search: OrderSearch) -> Result<Page<Payment>, StoreError> {
        let db = self.db();
        let mut ids = Vec::new();
        for lookup in self.lookups(&search).await? {
            ids.extend(lookup.into_tuple::<i64>().all(&db).await?);
        }
        // One order may be found by two keys.
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        let Page { items, next } = Page::of(ids, search.limit, |id| *id);
        let found = payments::Entity::find()
            .filter(Column::Id.is_in(items))
            .order_by_desc(Column::Id);
        let items = rows::orders(&db, found).await?;
        Ok(Page { items, next })
    }

    /// The newest orders that have this `ref`: nearly always one at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn orders_of_ref(&self, order_ref: OrderRef) -> Result<Vec<Payment>, StoreError> {
        let search = OrderSearch {
            keys: vec![Key::Ref(order_ref)],
            limit: SAME_REF,
            ..OrderSearch::default()
        };
        Ok(self.find_orders(search).await?.items)
    }

    /// The order that was made with a client's own key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load_by_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>, StoreError> {
        self.find(Column::IdempotencyKey.eq(key.as_str())).await
    }

    /// The order whose owner link has this token, which is compared whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load_by_owner_token(
        &self,
        token: &OwnerToken,
    ) -> Result<Option<Payment>, StoreError> {
        self.find(has_owner_token(token)).await
    }

    /// The newest order of a phone that still waits for its money.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn newest_pending(&self, phone: &Phone) -> Result<Option<Payment>, StoreError> {
        let newest = "WHERE phone = $1 AND status = 'PENDING' ORDER BY created_at DESC LIMIT 1";
        let newest = sql::select::<payments::Entity>(newest);
        let newest = sql::row(&self.db(), &newest, [phone.international().into()]).await?;
        newest.map(|row| rows::payment(row, None)).transpose()
    }

    /// Not with `LIMIT ?`: SQLite prepares such a statement anew (since 3.47) whenever it is given
    /// its values. At most one order is found.
    async fn find(&self, is_it: SimpleExpr) -> Result<Option<Payment>, StoreError> {
        let query = payments::Entity::find().filter(is_it);
        Ok(rows::orders(&self.db(), query).await?.pop())
    }

    async fn lookups(
        &self,
        search: &OrderSearch,
    ) -> Result<Vec<Select<payments::Entity>>, StoreError> {
        let db = self.db();
        let few = |is_it: SimpleExpr| few(search).filter(is_it);
        let mut lookups = Vec::new();
        if search.keys.is_empty() {
            lookups.push(page_of(search));
        }
        for key in &search.keys {
            match key {
                Key::Order(order_id) => lookups.push(few(Column::OrderId.eq(order_id.0))),
                Key::Ref(order_ref) => lookups.push(few(has_ref(*order_ref))),
                Key::PhoneEnd(digits) => lookups.push(few(phone_ends(digits))),
                Key::Phone(phone) => lookups.push(few(Column::Phone.eq(phone.international()))),
                Key::Code(code) => {
                    // A printed voucher has no order; a code that was replaced had one.
                    let sold = "SELECT COALESCE(payment_id, former_payment_id) FROM vouchers \
                         WHERE code = $1";
                    let sold: Option<Option<i64>> =
                        sql::tuple(&db, sold, [code.as_str().into()]).await?;
                    lookups.extend(sold.flatten().map(|id| few(Column::Id.eq(id))));
                }
                Key::Number(number) => {
                    // As it was told; mobile-money operators write theirs in capitals.
                    let told = [number.clone(), number.to_uppercase()];
                    for column in [Column::Reference, Column::Transid] {
                        lookups.push(few(column.is_in(told.clone())));
                    }
                    let billed = "SELECT payment_id FROM invoices WHERE number IN ($1, $2)";
                    let values = told.clone().map(Into::into);
                    let billed: Vec<i64> = sql::tuples(&db, billed, values).await?;
                    if !billed.is_empty() {
                        lookups.push(few(Column::Id.is_in(billed)));
                    }
                    let charged = charged_again(&told).into_tuple::<Uuid>().all(&db).await?;
                    if !charged.is_empty() {
                        lookups.push(few(Column::OrderId.is_in(charged)));
                    }
                }
            }
        }
        Ok(lookups)
    }
}

fn has_owner_token(token: &OwnerToken) -> SimpleExpr {
    Column::OwnerToken.eq(token.expose())
}

/// Ids are compared byte by byte, so the orders of one `ref` are a range of the unique index.
fn has_ref(order_ref: OrderRef) -> SimpleExpr {
    let (first, last) = order_ref.range();
    Column::OrderId.between(first.0, last.0)
}

/// The last four digits are in an index; those before them narrow down what it finds. A stored
/// phone has twelve characters.
fn phone_ends(digits: &str) -> SimpleExpr {
    let last_four = digits.get(digits.len().saturating_sub(PHONE_END_MIN)..);
    Expr::cust("substr(payments.phone, 9, 4)")
        .eq(last_four.unwrap_or(digits))
        .and(Column::Phone.like(format!("255%{digits}")))
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
    allowed(search).order_by_desc(Column::Id)
}

/// Numbers of the orders that the search allows, one more than a page.
fn allowed(search: &OrderSearch) -> Select<payments::Entity> {
    let mut page = payments::Entity::find()
        .select_only()
        .column(Column::Id)
        .limit(search.limit + 1);
    if let Some(before) = search.before {
        page = page.filter(Column::Id.lt(before));
    }
    let Some(status) = search.status else {
        return page;
    };
    let page = page.filter(Column::Status.eq(status.as_str()));
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
