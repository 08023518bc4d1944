//! Sessions that must end: queued with what ends them.
//!
//! The rule that must not be broken: a session is queued in the transaction that takes its
//! voucher back, and once, because its `reference` is unique.

use chrono::{DateTime, Utc};
use entities::{outbox_messages, radacct};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, Statement,
};
use uuid::Uuid;

use crate::store::radius::sessions::epoch;
use crate::store::{Store, StoreError};

/// Queues every open session of a voucher. Called by whoever takes the voucher back.
pub(in crate::store) async fn queue(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<Uuid>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let open = radacct::Entity::find()
        .filter(radacct::Column::Username.eq(code))
        .filter(radacct::Column::Acctstoptime.is_null())
        .all(txn)
        .await?;
    for session in open {
        let row = outbox_messages::ActiveModel {
            kind: Set("disconnect".to_owned()),
            reference: Set(format!("disconnect-{}", session.acctuniqueid)),
            order_id: Set(order_id),
            reason: Set(reason.to_owned()),
            voucher_code: Set(code.to_owned()),
            router: Set(bare(&session.nasipaddress).to_owned()),
            session_id: Set(session.acctsessionid),
            device_address: Set(session.framedipaddress.map(|it| bare(&it).to_owned())),
            device_station: Set(session.callingstationid),
            state: Set("queued".to_owned()),
            // At once, whatever clock the caller goes by.
            due_at: Set(DateTime::UNIX_EPOCH),
            created_at: Set(now),
            ..Default::default()
        };
        let once = OnConflict::column(outbox_messages::Column::Reference)
            .do_nothing()
            .to_owned();
        outbox_messages::Entity::insert(row)
            .on_conflict(once)
            .exec_without_returning(txn)
            .await?;
    }
    Ok(())
}

/// An `inet` reads with its prefix length.
fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}

impl Store {
    /// Queues the open sessions of vouchers that have ended: their time is over, or they were
    /// taken back while a guest was just logging in. Says of how many vouchers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn queue_ended(&self, now: DateTime<Utc>, most: u64) -> Result<usize, StoreError> {
        let store = self.clone();
        let ended = self
            .read(async move { store.ended(now, most).await })
            .await?;
        if ended.is_empty() {
            return Ok(0);
        }
        self.transaction(move |txn| {
            Box::pin(async move {
                for (code, order_id) in &ended {
                    queue(txn, code, *order_id, "ended", now).await?;
                }
                Ok(ended.len())
            })
        })
        .await
    }

    async fn ended(
        &self,
        now: DateTime<Utc>,
        most: u64,
    ) -> Result<Vec<(String, Option<Uuid>)>, StoreError> {
        let backend = self.backend();
        let first_login = epoch(backend, "MIN(f.acctstarttime)");
        let sql = format!(
            "SELECT DISTINCT v.code AS code, p.order_id AS order_id FROM radacct a \
             JOIN vouchers v ON v.code = a.username \
             LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
             WHERE a.acctstoptime IS NULL AND (v.revoked_at IS NOT NULL OR v.expires_at <= $1 \
                OR (v.validity = 'first_login' AND v.duration_minutes * 60 + \
                    (SELECT {first_login} FROM radacct f WHERE f.username = v.code) <= $2)) \
             AND NOT EXISTS (SELECT 1 FROM outbox_messages o \
                WHERE o.reference = 'disconnect-' || a.acctuniqueid) \
             LIMIT {most}"
        );
        let values = [now.into(), now.timestamp().into()];
        let ask = Statement::from_sql_and_values(backend, sql, values);
        let rows = self.inner.reader.query_all_raw(ask).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("", "code")?, row.try_get("", "order_id")?)))
            .collect()
    }
}
