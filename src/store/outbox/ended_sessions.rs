//! Sessions that must end: queued with what ends them.
//!
//! # Invariants
//! A session is queued in the transaction that takes its voucher back, and once, because its
//! `reference` is unique.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use uuid::Uuid;

use crate::store::engine::sql;
use crate::store::radius::sessions::epoch;
use crate::store::{Store, StoreError};

/// Queues every open session of a voucher. Called in the transaction that takes the voucher back.
pub(in crate::store) async fn queue(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<Uuid>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let address = |column: &str| match txn.get_database_backend() {
        // An `inet` reads with its prefix length.
        DbBackend::Postgres => format!("host({column})"),
        _ => column.to_owned(),
    };
    // Due at once, whatever clock the caller goes by.
    let queue = format!(
        "INSERT INTO outbox_messages (kind, reference, order_id, reason, voucher_code, router, \
         session_id, device_address, device_station, state, due_at, created_at) \
         SELECT 'disconnect', 'disconnect-' || acctuniqueid, $1, $2, username, {}, acctsessionid, \
         {}, callingstationid, 'queued', $3, $4 FROM radacct \
         WHERE username = $5 AND acctstoptime IS NULL ON CONFLICT (reference) DO NOTHING",
        address("nasipaddress"),
        address("framedipaddress")
    );
    let values = [
        order_id.into(),
        reason.into(),
        DateTime::UNIX_EPOCH.into(),
        now.into(),
        code.into(),
    ];
    sql::execute(txn, &queue, values).await?;
    Ok(())
}

impl Store {
    /// Queues the open sessions of vouchers that have ended: their time is over, or they were
    /// taken back while a guest was just logging in. Says of how many vouchers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_ended(&self, now: DateTime<Utc>, most: u64) -> Result<usize, StoreError> {
        let ended = self.ended(now, most).await?;
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
        let first_login = epoch(self.backend(), "MIN(f.acctstarttime)");
        let query = format!(
            "SELECT DISTINCT v.code, p.order_id FROM radacct a \
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
        sql::tuples(&self.db(), &query, values).await
    }
}
