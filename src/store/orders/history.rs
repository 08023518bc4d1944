//! The whole history of one order, read from each table that has rows of it: a fixed number of
//! short reads by index, however large the tables are.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, radacct, sms_messages};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, Value,
};

use crate::domain::history::{
    Call, Disconnect, DuplicateOrder, FormerCode, JournalledWebhook, OperatorAction, OrderHistory,
    Receipt, Session, SmsRecord, TimelineRemark,
};
use crate::domain::order::{OrderId, Payment, Status};
use crate::store::access::Db;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::radius::sessions::FIRST_ACCEPT;
use crate::store::{Store, rows};

/// The newest rows of each kind that are read: a sender that repeats itself for ever must not make
/// its order unreadable. SMS, former codes and duplicate orders are few and all read.
const ROWS_MAX: usize = 200;

/// Orders that were made further apart than this are two purchases, and no mistake.
const NEAR: TimeDelta = TimeDelta::days(1);

/// Number of the invoice, why the voucher was revoked, and its rows in FreeRADIUS's table.
const FACTS: &str = "SELECT (SELECT number FROM invoices WHERE payment_id = $1), \
     (SELECT revoked_reason FROM vouchers WHERE payment_id = $1), \
     (SELECT COUNT(*) FROM radcheck r JOIN vouchers v ON v.code = r.username \
         WHERE v.payment_id = $1)";
const FORMER_CODES: &str =
    "SELECT code, issued_at FROM vouchers WHERE former_payment_id = $1 ORDER BY id";
const CALLS: &str =
    "kind = 'create' AS is_push, at, duration_ms, http_status, answer, detail FROM gateway_calls";
const DELIVERIES: &str = "id, received_at, source, word, amount, proof, outcome, processing_ms \
     FROM webhook_deliveries";
const DISCONNECTS: &str =
    "router, reason, state, attempts, result, last_error, created_at, sent_at FROM outbox_messages";
const REMARKS: &str = "at, level = 'alert' AS is_alert, summary FROM order_events";
/// More than an order can have by mistake.
const ALERTS: &str = "SELECT kind, summary FROM order_events \
     WHERE order_id = $1 AND level = 'alert' ORDER BY id DESC LIMIT 100";
const ACTS: &str = "at, operator, action, subject, detail FROM audit_events";

/// Reads a struct of the domain, which knows no database, from columns with the names of its fields.
macro_rules! from_columns {
    ($type:ident: $($field:ident),+) => {
        impl FromQueryResult for $type {
            fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
                Ok(Self { $($field: row.try_get(prefix, stringify!($field))?),+ })
            }
        }
    };
}

from_columns!(Call: is_push, at, duration_ms, http_status, answer, detail);
from_columns!(
    JournalledWebhook: id, received_at, source, word, amount, proof, outcome, processing_ms
);
from_columns!(Disconnect: router, reason, state, attempts, result, last_error, created_at, sent_at);
from_columns!(TimelineRemark: at, is_alert, summary);
from_columns!(OperatorAction: at, operator, action, subject, detail);
from_columns!(FormerCode: code, issued_at);

impl Store {
    /// Kind and sentence of the newest alerts in an order's timeline.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn alerts_of(&self, order_id: OrderId) -> Result<Vec<(String, String)>> {
        sql::tuples(&self.db(), ALERTS, [order_id.0.into()]).await
    }

    /// Everything that the database has of an order. `None` if there is no such order.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn order_history(&self, order_id: OrderId) -> Result<Option<OrderHistory>> {
        let db = &self.db();
        let query = payments::Entity::find().filter(payments::Column::OrderId.eq(order_id.0));
        let Some(payment) = rows::orders(db, query).await?.pop() else {
            return Ok(None);
        };
        let id = payment.id;
        let facts: Option<(Option<String>, Option<String>, i64)> =
            sql::tuple(db, FACTS, [id.into()]).await?;
        let (invoice, revoked_reason, radius) = facts.unwrap_or_default();
        let former_codes: Vec<FormerCode> = sql::rows(db, FORMER_CODES, [id.into()]).await?;
        let code = payment.voucher.iter().map(|voucher| voucher.code.as_str());
        let codes = code.chain(former_codes.iter().map(|former| former.code.as_str()));
        let mut history = OrderHistory {
            invoice,
            revoked_reason,
            radius: radius.unsigned_abs(),
            calls: newest(db, CALLS, order_id.0).await?,
            deliveries: newest(db, DELIVERIES, order_id.to_string()).await?,
            texts: texts(db, id).await?,
            sessions: sessions(db, codes).await?,
            disconnects: newest(db, DISCONNECTS, order_id.0).await?,
            remarks: newest(db, REMARKS, order_id.0).await?,
            acts: newest(db, ACTS, order_id.0).await?,
            duplicate_orders: duplicate_orders(db, &payment).await?,
            is_cut: false,
            former_codes,
            payment,
        };
        let lengths = [
            history.calls.len(),
            history.deliveries.len(),
            history.remarks.len(),
            history.acts.len(),
            history.sessions.len(),
            history.disconnects.len(),
        ];
        history.is_cut = lengths.iter().any(|length| *length >= ROWS_MAX);
        Ok(Some(history))
    }
}

/// The newest rows of an order, the oldest of them first.
async fn newest<T: FromQueryResult>(
    db: &Db,
    columns_and_table: &str,
    order_id: impl Into<Value>,
) -> Result<Vec<T>> {
    let query =
        format!("SELECT {columns_and_table} WHERE order_id = $1 ORDER BY id DESC LIMIT {ROWS_MAX}");
    let mut found: Vec<T> = sql::rows(db, &query, [order_id.into()]).await?;
    found.reverse();
    Ok(found)
}

async fn texts(db: &Db, id: i64) -> Result<Vec<SmsRecord>> {
    let rows = sql::models(db, "WHERE payment_id = $1 ORDER BY id", [id.into()]).await?;
    let texts = rows.into_iter().map(|row: sms_messages::Model| SmsRecord {
        id: row.id,
        kind: row.kind,
        phone: row.phone,
        state: row.state,
        attempts: row.attempts,
        provider: row.provider,
        last_error: row.last_error,
        created_at: row.created_at,
        sent_at: row.sent_at,
        receipt: row.receipt_at.map(|at| Receipt {
            at,
            is_delivered: row.receipt.as_deref() == Some("delivered"),
            detail: row.receipt_detail,
        }),
    });
    Ok(texts.collect())
}

async fn sessions(db: &Db, codes: impl Iterator<Item = &str>) -> Result<Vec<Session>> {
    let cause = radacct::Column::Acctterminatecause;
    let rows = radacct::Entity::find()
        .filter(radacct::Column::Username.is_in(codes))
        // Not a session, but the first time that a router let the code in.
        .filter(
            Condition::any()
                .add(cause.is_null())
                .add(cause.ne(FIRST_ACCEPT)),
        )
        .order_by_desc(radacct::Column::Radacctid)
        .limit(ROWS_MAX as u64)
        .all(db)
        .await?;
    // PostgreSQL writes an address with the length of its network.
    let host = |address: String| address.split('/').next().unwrap_or_default().to_owned();
    let sessions = rows.into_iter().rev().map(|row| Session {
        device: row.callingstationid.unwrap_or_default(),
        router: host(row.nasipaddress),
        started_at: row.acctstarttime,
        stopped_at: row.acctstoptime,
        secs: row.acctsessiontime.unwrap_or(0),
        down_bytes: row.acctoutputoctets.unwrap_or(0),
        up_bytes: row.acctinputoctets.unwrap_or(0),
        cause: row.acctterminatecause.unwrap_or_default(),
    });
    Ok(sessions.collect())
}

/// Other orders for the same purchase: the guest bought again before the first payment was known, and
/// both were paid. They are searched for when the history is read and not stored: a sale costs
/// nothing more, and once either order is refunded, the other is no duplicate. The daily report
/// (`paid_twice` in `reports/sql`) has a similar condition, and lists only the order that was sold
/// last.
async fn duplicate_orders(db: &Db, payment: &Payment) -> Result<Vec<DuplicateOrder>> {
    let (Status::Completed, Some(sold_at)) = (payment.status, payment.processed_at) else {
        return Ok(Vec::new());
    };
    // Of the two, the order that was sold later must have been made before the other was sold: the
    // guest did not have a voucher yet.
    let others = "SELECT order_id, processed_at FROM payments \
         WHERE phone = $1 AND created_at BETWEEN $2 AND $3 AND package_code = $4 \
         AND status = 'COMPLETED' AND id <> $5 AND processed_at > $6 \
         AND (processed_at <= $7 OR created_at < $7)";
    let made_at = payment.created_at;
    let values = [
        payment.phone.international().into(),
        (made_at - NEAR).into(),
        (made_at + NEAR).into(),
        payment.terms.code.as_str().into(),
        payment.id.into(),
        made_at.into(),
        sold_at.into(),
    ];
    let others: Vec<(OrderId, DateTime<Utc>)> = sql::tuples(db, others, values).await?;
    let duplicate_orders = others
        .into_iter()
        .map(|(order_id, other_sold_at)| DuplicateOrder {
            order_id,
            at: sold_at.max(other_sold_at),
        });
    Ok(duplicate_orders.collect())
}
