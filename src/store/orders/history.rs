//! One order's whole story, gathered from every table that knows of it: a fixed number of
//! short reads by index, however large the tables are.

use entities::{
    audit_events, gateway_calls, invoices, order_events, outbox_messages, payments, radacct,
    radcheck, sms_messages, vouchers, webhook_deliveries,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::duplicate_orders;
use crate::domain::catalog::money::Tzs;
use crate::domain::history::{
    Act, Call, Disconnect, FormerCode, Heard, Receipt, Remarked, Session, Story, Text,
};
use crate::domain::order::ids::OrderId;
use crate::store::engine::pool::Pool;
use crate::store::{Store, StoreError, rows};

/// Rows of each kind at most, the newest: a sender that repeats itself for ever must not make
/// its order unreadable.
const MOST: u64 = 200;

impl Store {
    /// Everything that the books hold of an order. `None` if there is none of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn story(&self, order_id: OrderId) -> Result<Option<Story>, StoreError> {
        let store = self.clone();
        self.read(async move { story(&store.inner.reader, order_id).await })
            .await
    }
}

async fn story(db: &Pool, order_id: OrderId) -> Result<Option<Story>, StoreError> {
    let found = payments::Entity::find()
        .filter(payments::Column::OrderId.eq(order_id.0))
        .find_also_related(vouchers::Entity)
        .one(db)
        .await?;
    let Some((row, voucher)) = found else {
        return Ok(None);
    };
    let (id, gateway_confirmed_at) = (row.id, row.gateway_confirmed_at);
    let (code, revoked_reason) = match &voucher {
        Some(voucher) => (Some(voucher.code.clone()), voucher.revoked_reason.clone()),
        None => (None, None),
    };
    let mut story = Story {
        payment: rows::payment(row, voucher)?,
        gateway_confirmed_at,
        invoice: invoice(db, id).await?,
        revoked_reason,
        former_codes: former_codes(db, id).await?,
        radius: 0,
        calls: calls(db, order_id).await?,
        deliveries: deliveries(db, order_id).await?,
        texts: texts(db, id).await?,
        sessions: Vec::new(),
        disconnects: disconnects(db, order_id).await?,
        remarks: remarks(db, order_id).await?,
        acts: acts(db, order_id).await?,
        twins: Vec::new(),
        is_cut: false,
    };
    story.twins = duplicate_orders::of(db, &story.payment).await?;
    if let Some(code) = &code {
        story.radius = radius_rows(db, code).await?;
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
    story.is_cut = lengths.iter().any(|length| *length as u64 >= MOST);
    Ok(Some(story))
}

async fn invoice(db: &Pool, id: i64) -> Result<Option<String>, StoreError> {
    Ok(invoices::Entity::find()
        .select_only()
        .column(invoices::Column::Number)
        .filter(invoices::Column::PaymentId.eq(id))
        .into_tuple::<String>()
        .one(db)
        .await?)
}

async fn calls(db: &Pool, order_id: OrderId) -> Result<Vec<Call>, StoreError> {
    let rows = gateway_calls::Entity::find()
        .filter(gateway_calls::Column::OrderId.eq(order_id.0))
        .order_by_desc(gateway_calls::Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    let calls = rows.into_iter().rev().map(|row| Call {
        is_push: row.kind == "create",
        at: row.at,
        duration_ms: row.duration_ms,
        http_status: row.http_status,
        answer: row.answer,
        detail: row.detail,
    });
    Ok(calls.collect())
}

async fn deliveries(db: &Pool, order_id: OrderId) -> Result<Vec<Heard>, StoreError> {
    let rows = crate::store::journal::read::without_bodies()
        .filter(webhook_deliveries::Column::OrderId.eq(order_id.to_string()))
        .order_by_desc(webhook_deliveries::Column::Id)
        .limit(MOST)
        .into_model::<crate::store::JournalRow>()
        .all(db)
        .await?;
    let deliveries = rows.into_iter().rev().map(|row| Heard {
        id: row.id,
        received_at: row.received_at,
        source: row.source,
        word: row.word,
        amount: row.amount.map(Tzs),
        proof: row.proof,
        outcome: row.outcome,
        processing_ms: row.processing_ms,
    });
    Ok(deliveries.collect())
}

async fn texts(db: &Pool, id: i64) -> Result<Vec<Text>, StoreError> {
    let rows = sms_messages::Entity::find()
        .filter(sms_messages::Column::PaymentId.eq(id))
        .order_by_asc(sms_messages::Column::Id)
        .all(db)
        .await?;
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

async fn remarks(db: &Pool, order_id: OrderId) -> Result<Vec<Remarked>, StoreError> {
    let rows = order_events::Entity::find()
        .filter(order_events::Column::OrderId.eq(order_id.0))
        .order_by_desc(order_events::Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    let remarks = rows.into_iter().rev().map(|row| Remarked {
        at: row.at,
        is_alert: row.level == "alert",
        summary: row.summary,
    });
    Ok(remarks.collect())
}

async fn acts(db: &Pool, order_id: OrderId) -> Result<Vec<Act>, StoreError> {
    let rows = audit_events::Entity::find()
        .filter(audit_events::Column::OrderId.eq(order_id.0))
        .order_by_desc(audit_events::Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    let acts = rows.into_iter().rev().map(|row| Act {
        at: row.at,
        operator: row.operator,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
    });
    Ok(acts.collect())
}

async fn radius_rows(db: &Pool, code: &str) -> Result<u64, StoreError> {
    let rows = radcheck::Entity::find().filter(radcheck::Column::Username.eq(code));
    Ok(rows.count(db).await?)
}

async fn former_codes(db: &Pool, id: i64) -> Result<Vec<FormerCode>, StoreError> {
    let rows = vouchers::Entity::find()
        .filter(vouchers::Column::FormerPaymentId.eq(id))
        .order_by_asc(vouchers::Column::Id)
        .all(db)
        .await?;
    let codes = rows.into_iter().map(|row| FormerCode {
        code: row.code,
        issued_at: row.issued_at,
    });
    Ok(codes.collect())
}

async fn sessions(
    db: &Pool,
    codes: impl Iterator<Item = &str>,
) -> Result<Vec<Session>, StoreError> {
    let rows = radacct::Entity::find()
        .filter(radacct::Column::Username.is_in(codes))
        .order_by_desc(radacct::Column::Radacctid)
        .limit(MOST)
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

async fn disconnects(db: &Pool, order_id: OrderId) -> Result<Vec<Disconnect>, StoreError> {
    let rows = outbox_messages::Entity::find()
        .filter(outbox_messages::Column::OrderId.eq(order_id.0))
        .order_by_desc(outbox_messages::Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    let disconnects = rows.into_iter().rev().map(|row| Disconnect {
        router: row.router,
        reason: row.reason,
        state: row.state,
        attempts: row.attempts,
        result: row.result,
        last_error: row.last_error,
        created_at: row.created_at,
        sent_at: row.sent_at,
    });
    Ok(disconnects.collect())
}
