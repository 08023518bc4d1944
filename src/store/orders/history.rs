//! The whole history of one order, gathered from each table that has rows of it: a fixed number of
//! short reads by index, however large the tables are.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{
    audit_events, gateway_calls, order_events, outbox_messages, payments, radacct, sms_messages,
    vouchers,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::catalog::money::Tzs;
use crate::domain::history::{
    Act, Call, Disconnect, FormerCode, JournalledWebhook, OrderHistory, Receipt, Remarked, Session,
    Text, Twin,
};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::{Payment, Status};
use crate::store::engine::sql::{self, Db};
use crate::store::journal::read::page_of;
use crate::store::{JournalRow, JournalSearch, Store, StoreError, rows};

/// Rows of each kind at most, the newest: a sender that repeats itself for ever must not make
/// its order unreadable.
const MOST: usize = 200;

/// Two purchases further apart are two.
const NEAR: TimeDelta = TimeDelta::days(1);

impl Store {
    /// Everything that the database has of an order. `None` if there is no such order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn story(&self, order_id: OrderId) -> Result<Option<OrderHistory>, StoreError> {
        let db = &self.db();
        let found = payments::Entity::find()
            .filter(payments::Column::OrderId.eq(order_id.0))
            .find_also_related(vouchers::Entity)
            .one(db)
            .await?;
        let Some((row, voucher)) = found else {
            return Ok(None);
        };
        let (id, gateway_confirmed_at) = (row.id, row.gateway_confirmed_at);
        let code = voucher.as_ref().map(|voucher| voucher.code.clone());
        let revoked_reason = (voucher.as_ref()).and_then(|voucher| voucher.revoked_reason.clone());
        let invoice = "SELECT number FROM invoices WHERE payment_id = $1";
        let mut story = OrderHistory {
            payment: rows::payment(row, voucher)?,
            gateway_confirmed_at,
            invoice: sql::tuple(db, invoice, [id.into()]).await?,
            revoked_reason,
            former_codes: former_codes(db, id).await?,
            radius: 0,
            calls: newest::<gateway_calls::Entity, _>(db, order_id, call).await?,
            deliveries: deliveries(db, order_id).await?,
            texts: texts(db, id).await?,
            sessions: Vec::new(),
            disconnects: newest::<outbox_messages::Entity, _>(db, order_id, disconnect).await?,
            remarks: newest::<order_events::Entity, _>(db, order_id, remark).await?,
            acts: newest::<audit_events::Entity, _>(db, order_id, act).await?,
            twins: Vec::new(),
            is_cut: false,
        };
        story.twins = twins(db, &story.payment).await?;
        if let Some(code) = &code {
            let count = "SELECT COUNT(*) FROM radcheck WHERE username = $1";
            let count: Option<i64> = sql::tuple(db, count, [code.as_str().into()]).await?;
            story.radius = count.map_or(0, i64::unsigned_abs);
            let former = story.former_codes.iter().map(|it| it.code.as_str());
            story.sessions = sessions(db, former.chain([code.as_str()])).await?;
        }
        let lengths = [
            story.calls.len(),
            story.deliveries.len(),
            story.remarks.len(),
            story.acts.len(),
            story.sessions.len(),
            story.disconnects.len(),
        ];
        story.is_cut = lengths.iter().any(|length| *length >= MOST);
        Ok(Some(story))
    }
}

/// The newest rows of an order, in the order in which they came.
async fn newest<E: EntityTrait, T>(
    db: &Db,
    order_id: OrderId,
    read: fn(E::Model) -> T,
) -> Result<Vec<T>, StoreError> {
    let of_order = format!("WHERE order_id = $1 ORDER BY id DESC LIMIT {MOST}");
    let query = sql::select::<E>(&of_order);
    let found = sql::rows(db, &query, [order_id.0.into()]).await?;
    Ok(found.into_iter().rev().map(read).collect())
}

fn call(row: gateway_calls::Model) -> Call {
    Call {
        is_push: row.kind == "create",
        at: row.at,
        duration_ms: row.duration_ms,
        http_status: row.http_status,
        answer: row.answer,
        detail: row.detail,
    }
}

async fn deliveries(db: &Db, order_id: OrderId) -> Result<Vec<JournalledWebhook>, StoreError> {
    let search = JournalSearch {
        order_id: Some(order_id.to_string()),
        limit: MOST as u64 - 1,
        ..JournalSearch::default()
    };
    let newest = page_of(&search).into_partial_model::<JournalRow>();
    let heard = |row: JournalRow| JournalledWebhook {
        id: row.id,
        received_at: row.received_at,
        source: row.source,
        word: row.word,
        amount: row.amount.map(Tzs),
        proof: row.proof,
        outcome: row.outcome,
        processing_ms: row.processing_ms,
    };
    let found = newest.all(db).await?;
    Ok(found.into_iter().rev().map(heard).collect())
}

async fn texts(db: &Db, id: i64) -> Result<Vec<Text>, StoreError> {
    let of_payment = sql::select::<sms_messages::Entity>("WHERE payment_id = $1 ORDER BY id");
    let rows: Vec<sms_messages::Model> = sql::rows(db, &of_payment, [id.into()]).await?;
    let texts = rows.into_iter().map(|row| Text {
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

fn remark(row: order_events::Model) -> Remarked {
    Remarked {
        at: row.at,
        is_alert: row.level == "alert",
        summary: row.summary,
    }
}

fn act(row: audit_events::Model) -> Act {
    Act {
        at: row.at,
        operator: row.operator,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
    }
}

async fn former_codes(db: &Db, id: i64) -> Result<Vec<FormerCode>, StoreError> {
    let former = "SELECT code, issued_at FROM vouchers WHERE former_payment_id = $1 ORDER BY id";
    let found = sql::tuples(db, former, [id.into()]).await?;
    let codes = found.into_iter();
    Ok(codes
        .map(|(code, issued_at)| FormerCode { code, issued_at })
        .collect())
}

async fn sessions(db: &Db, codes: impl Iterator<Item = &str>) -> Result<Vec<Session>, StoreError> {
    let rows = radacct::Entity::find()
        .filter(radacct::Column::Username.is_in(codes))
        .order_by_desc(radacct::Column::Radacctid)
        .limit(MOST as u64)
        .all(db)
        .await?;
    let sessions = rows.into_iter().rev().map(|row| Session {
        device: row.callingstationid.unwrap_or_default(),
        // PostgreSQL tells the length of the network too.
        router: row
            .nasipaddress
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        started_at: row.acctstarttime,
        stopped_at: row.acctstoptime,
        secs: row.acctsessiontime.unwrap_or(0),
        down_bytes: row.acctoutputoctets.unwrap_or(0),
        up_bytes: row.acctinputoctets.unwrap_or(0),
        cause: row.acctterminatecause.unwrap_or_default(),
    });
    Ok(sessions.collect())
}

fn disconnect(row: outbox_messages::Model) -> Disconnect {
    Disconnect {
        router: row.router,
        reason: row.reason,
        state: row.state,
        attempts: row.attempts,
        result: row.result,
        last_error: row.last_error,
        created_at: row.created_at,
        sent_at: row.sent_at,
    }
}

/// The other orders for the purchase that this order was made for: the guest bought again before
/// the first money was known, and then both were paid. Found by looking, so that a sale costs nothing
/// more and a refund of either settles it. The report of a day asks the same (`reports/sql`).
async fn twins(db: &Db, payment: &Payment) -> Result<Vec<Twin>, StoreError> {
    let (Status::Completed, Some(sold_at)) = (payment.status, payment.processed_at) else {
        return Ok(Vec::new());
    };
    let made_at = payment.created_at;
    let others = "SELECT order_id, created_at, processed_at FROM payments \
         WHERE phone = $1 AND created_at BETWEEN $2 AND $3 AND package_code = $4 \
         AND status = 'COMPLETED' AND id <> $5";
    let values = [
        payment.phone.international().into(),
        (made_at - NEAR).into(),
        (made_at + NEAR).into(),
        payment.terms.code.as_str().into(),
        payment.id.into(),
    ];
    let others: Vec<(OrderId, DateTime<Utc>, Option<DateTime<Utc>>)> =
        sql::tuples(db, others, values).await?;
    let twins = others.into_iter().filter_map(|(order_id, made, sold)| {
        let other_sold_at = sold?;
        // When the one that was sold last was made, the other was not sold yet.
        let is_twin = if other_sold_at > sold_at {
            sold_at > made
        } else {
            other_sold_at > made_at
        };
        is_twin.then(|| Twin {
            order_id,
            at: sold_at.max(other_sold_at),
        })
    });
    Ok(twins.collect())
}
