//! Dead letters: SMS and Disconnect-Requests that failed or were given up.

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::domain::order::ids::OrderId;
use crate::store::engine::sql;
use crate::store::{Store, StoreError};

/// SMS that have not arrived.
const SMS: &str = "SELECT s.id, s.kind, p.order_id, s.phone AS \"to\", \
     s.state = 'dead' AS is_dead, s.attempts, s.last_error, s.created_at, s.due_at FROM sms_messages s \
     LEFT JOIN payments p ON p.id = s.payment_id \
     WHERE s.state IN ('failed', 'dead') ORDER BY s.id DESC LIMIT $1";
/// Disconnect-Requests that have not arrived.
const DISCONNECTS: &str = "SELECT id, reason AS kind, order_id, router AS \"to\", \
     state = 'dead' AS is_dead, attempts, last_error, created_at, due_at FROM outbox_messages \
     WHERE state IN ('failed', 'dead') ORDER BY id DESC LIMIT $1";
/// How many there are of both.
const COUNTS: &str = "SELECT \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('failed', 'dead')), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('failed', 'dead'))";

/// A message that has not arrived. `Debug` is not derived: errors may hold phones.
#[derive(Clone, FromQueryResult)]
pub struct DeadLetter {
    /// Its number in its outbox.
    pub id: i64,
    /// What it tells, as in `voucher` or `refunded`.
    pub kind: String,
    /// The order, if it is about one.
    pub order_id: Option<OrderId>,
    /// The phone or the router.
    pub to: String,
    /// Given up; otherwise it is tried again.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: i32,
    /// What last went wrong.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it is tried again.
    pub due_at: DateTime<Utc>,
}

/// Both outboxes.
#[derive(Clone, Default)]
pub struct DeadLetters {
    /// To guests, newest first.
    pub sms: Vec<DeadLetter>,
    /// How many there are to guests, also of those that are left out.
    pub sms_count: u64,
    /// To routers, newest first.
    pub disconnects: Vec<DeadLetter>,
    /// How many there are to routers, also of those that are left out.
    pub disconnects_count: u64,
}

impl Store {
    /// The newest dead letters, at most `limit` of each kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn dead_letters(&self, limit: u64) -> Result<DeadLetters, StoreError> {
        let db = &self.db();
        let counts: Option<(i64, i64)> = sql::tuple(db, COUNTS, []).await?;
        let (sms_count, disconnects_count) = counts.unwrap_or_default();
        Ok(DeadLetters {
            sms: sql::rows(db, SMS, [limit.into()]).await?,
            sms_count: sms_count.unsigned_abs(),
            disconnects: sql::rows(db, DISCONNECTS, [limit.into()]).await?,
            disconnects_count: disconnects_count.unsigned_abs(),
        })
    }
}
