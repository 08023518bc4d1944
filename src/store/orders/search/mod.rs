//! Finds orders by what an operator types (also an id), newest first, and by the keys that a client
//! has. Everything that only needs the order of an id uses `engine/reader`.
//!
//! # Invariants
//! Each key has an index of its own and reads only the orders of that key, so that a search in ten
//! million orders is a few short reads. The next page begins after the number of the last row: rows
//! that arrive meanwhile have higher numbers and move nothing.

use entities::payments::{self, Column};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::domain::access::OwnerToken;
use crate::domain::catalog::IdempotencyKey;
use crate::domain::order::{OrderId, OrderRef, Payment, Status};
use crate::domain::people::Phone;
use crate::domain::search::{Key, PHONE_END_MIN};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{Store, rows};

/// Orders whose timeline names one of these numbers, as after a second charge. A number belongs to
/// one payment; if many timelines name it nevertheless, the newest are enough.
const CHARGED_AGAIN: &str = "SELECT order_id FROM order_events WHERE reference IN ($1, $2) \
     ORDER BY id DESC LIMIT 50";

/// Orders of one `ref` that an operator can choose from.
const SAME_REF: u64 = 10;

/// A filter of orders, and a page.
#[derive(Clone, Default)]
pub struct OrderSearch {
    /// Any of these; none is all orders.
    pub keys: Vec<Key>,
    /// Their status.
    pub status: Option<Status>,
    /// Only orders before this number: the next page.
    pub before: Option<i64>,
    /// Orders a page.
    pub limit: u64,
}

/// Some rows, and where the next page begins.
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// The number of the last one; `None` when there are no more.
    pub next: Option<i64>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of these rows. `found` was read with `limit + 1`: a row too many
    /// shows that there is a next page.
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
    /// `StoreError::Unavailable`.
    pub async fn find_orders(&self, search: OrderSearch) -> Result<Page<Payment>> {
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

    /// The newest orders that have this `ref`: nearly always at most one.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn orders_of_ref(&self, order_ref: OrderRef) -> Result<Vec<Payment>> {
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
    /// `StoreError::Unavailable`.
    pub async fn load_by_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>> {
        self.find(Column::IdempotencyKey.eq(key.as_str())).await
    }

    /// The order whose owner link has this token, which is compared whole.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn load_by_owner_token(&self, token: &OwnerToken) -> Result<Option<Payment>> {
        self.find(has_owner_token(token)).await
    }

    /// The newest PENDING order of a phone.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn newest_pending(&self, phone: &Phone) -> Result<Option<Payment>> {
        let newest = "WHERE phone = $1 AND status = 'PENDING' ORDER BY created_at DESC LIMIT 1";
        let found = sql::model(&self.db(), newest, [phone.international().into()]).await?;
        found.map(|row| rows::payment(row, None)).transpose()
    }

    /// The orders of a phone.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn orders_of_phone(&self, phone: &Phone) -> Result<Vec<OrderId>> {
        let orders = "SELECT order_id FROM payments WHERE phone = $1";
        sql::tuples(&self.db(), orders, [phone.international().into()]).await
    }

    /// The order with a unique key. Has no `LIMIT ?`: SQLite (since 3.47) prepares such a statement
    /// anew whenever it is given its values.
    async fn find(&self, has_key: SimpleExpr) -> Result<Option<Payment>> {
        let query = payments::Entity::find().filter(has_key);
        Ok(rows::orders(&self.db(), query).await?.pop())
    }

    async fn lookups(&self, search: &OrderSearch) -> Result<Vec<Select<payments::Entity>>> {
        let db = self.db();
        let few = |has_key: SimpleExpr| newest_of_key(search).filter(has_key);
        let mut lookups = Vec::new();
        if search.keys.is_empty() {
            lookups.push(page_of(search));
        }
        for key in &search.keys {
            match key {
                Key::Order(order_id) => lookups.push(few(Column::OrderId.eq(order_id.0))),
                Key::Ref(order_ref) => {
                    // Ids are compared byte by byte, so these are a range of the unique index.
                    let (first, last) = order_ref.range();
                    lookups.push(few(Column::OrderId.between(first.0, last.0)));
                }
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
                    // Mobile-money operators write their numbers in capitals.
                    let numbers = [number.clone(), number.to_uppercase()];
                    for column in [Column::Reference, Column::Transid] {
                        lookups.push(few(column.is_in(numbers.clone())));
                    }
                    let billed = "SELECT payment_id FROM invoices WHERE number IN ($1, $2)";
                    let values = numbers.clone().map(Into::into);
                    let billed: Vec<i64> = sql::tuples(&db, billed, values).await?;
                    if !billed.is_empty() {
                        lookups.push(few(Column::Id.is_in(billed)));
                    }
                    let values = numbers.map(Into::into);
                    let charged: Vec<Uuid> = sql::tuples(&db, CHARGED_AGAIN, values).await?;
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

/// The last four digits are in an index; those before them narrow down what it finds. A stored
/// phone has twelve characters.
fn phone_ends(digits: &str) -> SimpleExpr {
    let last_four = digits.get(digits.len().saturating_sub(PHONE_END_MIN)..);
    Expr::cust("substr(payments.phone, 9, 4)")
        .eq(last_four.unwrap_or(digits))
        .and(Column::Phone.like(format!("255%{digits}")))
}

/// Row numbers of the newest orders of one key. They are ordered by `id + 0`, for which there is no
/// index: if ordered by `id`, PostgreSQL may read the table from its end until it has met enough
/// orders of this key.
fn newest_of_key(search: &OrderSearch) -> Select<payments::Entity> {
    allowed(search).order_by(Expr::cust("payments.id + 0"), Order::Desc)
}

/// Row numbers of the newest orders.
fn page_of(search: &OrderSearch) -> Select<payments::Entity> {
    allowed(search).order_by_desc(Column::Id)
}

/// Row numbers of the orders that the search allows, one more than a page.
fn allowed(search: &OrderSearch) -> Select<payments::Entity> {
    let page = payments::Entity::find()
        .select_only()
        .column(Column::Id)
        .apply_if(search.before, |page, before| {
            page.filter(Column::Id.lt(before))
        })
        .limit(search.limit + 1);
    let Some(status) = search.status else {
        return page;
    };
    let page = page.filter(Column::Status.eq(status.as_str()));
    // The predicate of the partial index that has these orders. No partial index has the COMPLETED
    // ones: most orders are COMPLETED, so the newest of them are near the end of the table.
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
