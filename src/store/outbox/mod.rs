//! Messages to the outside, written in the transaction that causes them and sent after it: SMS to
//! guests and Disconnect-Requests to routers. Here is what both have in common: after a restored backup
//! they wait until an operator releases them, and those that failed are listed as dead letters.
//!
//! # Invariants
//! - Nothing is claimed from either outbox while the row of the hold exists (`is_released`).
//! - That row is deleted in the transaction that drops the old messages: none of them can be claimed
//!   between the two.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{DatabaseTransaction, FromQueryResult};

use crate::domain::order::OrderId;
use crate::domain::outbox_hold::{OutboxHold, Queued, Waiting};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store};

pub(super) mod disconnects;
mod ended;
pub(super) mod sessions_to_end;
pub(super) mod sms;
pub(super) mod surplus;

/// What waits in both outboxes, in all and from before the restored backup was made.
const WAITING: &str = "SELECT h.since, \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('queued', 'failed')), \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('queued', 'failed') \
         AND created_at < h.since), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('queued', 'failed')), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('queued', 'failed') \
         AND created_at < h.since) \
     FROM outbox_holds h";
/// The error of a message that was dropped.
const DROPPED: &str = "dropped by an operator: it was queued in a backup that was restored";

/// SMS that are tried again after a failed attempt, or were given up.
const DEAD_SMS: &str = "SELECT s.id, s.kind, p.order_id, s.phone AS \"to\", \
     s.state = 'dead' AS is_dead, s.attempts, s.last_error, s.created_at, s.due_at \
     FROM sms_messages s LEFT JOIN payments p ON p.id = s.payment_id \
     WHERE s.state IN ('failed', 'dead') ORDER BY s.id DESC LIMIT $1";
/// Disconnect-Requests that are tried again after a failed attempt, or were given up.
const DEAD_DISCONNECTS: &str = "SELECT id, reason AS kind, order_id, router AS \"to\", \
     state = 'dead' AS is_dead, attempts, last_error, created_at, due_at FROM outbox_messages \
     WHERE state IN ('failed', 'dead') ORDER BY id DESC LIMIT $1";
/// How many there are of both.
const DEAD_COUNTS: &str = "SELECT \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('failed', 'dead')), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('failed', 'dead'))";

/// How many messages an operator has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// SMS.
    pub sms: u64,
    /// Disconnect-Requests.
    pub disconnects: u64,
}

/// An attempt to send a message that has failed.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// For the operator.
    pub error: String,
    /// When the message is due again; `None` makes it dead until an operator sends it again.
    pub again_at: Option<DateTime<Utc>>,
}

impl FailedAttempt {
    fn state(&self) -> &'static str {
        self.again_at.map_or("dead", |_| "failed")
    }
}

/// A message that an attempt has failed to send: it is tried again, or was given up. `Debug` is not
/// derived: errors may hold phones.
#[derive(Clone, FromQueryResult)]
pub struct FailedMessage {
    /// Its number in its outbox.
    pub id: i64,
    /// Its content, as in `voucher` or `refunded`.
    pub kind: String,
    /// The order, if it is about one.
    pub order_id: Option<OrderId>,
    /// The phone or the router.
    pub to: String,
    /// Whether it was given up; if not, it is tried again at `due_at`.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: i32,
    /// The last error.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it is tried again.
    pub due_at: DateTime<Utc>,
}

/// Dead letters of both outboxes.
#[derive(Clone, Default)]
pub struct FailedMessages {
    /// To guests, newest first.
    pub sms: Vec<FailedMessage>,
    /// How many there are to guests, including those that are left out.
    pub sms_count: u64,
    /// To routers, newest first.
    pub disconnects: Vec<FailedMessage>,
    /// How many there are to routers, including those that are left out.
    pub disconnects_count: u64,
}

/// True for every message, unless the outbox is held.
pub fn is_released() -> SimpleExpr {
    Expr::cust("NOT EXISTS (SELECT 1 FROM outbox_holds)")
}

impl Store {
    /// What is held back; `None` if messages are sent as they are queued.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn outbox_hold(&self) -> Result<Option<OutboxHold>> {
        let found = sql::tuple(&self.db(), WAITING, []).await?;
        let count = |all: i64, old: i64| Waiting {
            all: all.unsigned_abs(),
            old: old.unsigned_abs(),
        };
        Ok(found.map(
            |(since, sms, old_sms, disconnects, old_disconnects)| OutboxHold {
                since,
                sms: count(sms, old_sms),
                disconnects: count(disconnects, old_disconnects),
            },
        ))
    }

    /// Releases the outbox: messages are sent from now on. `None` if nothing was held.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn release_outbox(
        &self,
        queued: Queued,
        audit: AuditEntry,
    ) -> Result<Option<Dropped>> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                // Of two operators at the same moment one deletes the row, and the other finds none.
                let release = "DELETE FROM outbox_holds RETURNING since";
                let Some(since) = sql::tuple(txn, release, []).await? else {
                    return Ok(None);
                };
                let dropped = match queued {
                    Queued::Send => Dropped::default(),
                    Queued::Drop => Dropped {
                        sms: drop_older_than(txn, "sms_messages", since).await?,
                        disconnects: drop_older_than(txn, "outbox_messages", since).await?,
                    },
                };
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(dropped))
            })
        })
        .await
    }

    /// The newest dead letters, at most `limit` of each kind.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn failed_messages(&self, limit: u64) -> Result<FailedMessages> {
        let db = &self.db();
        let counts: Option<(i64, i64)> = sql::tuple(db, DEAD_COUNTS, []).await?;
        let (sms_count, disconnects_count) = counts.unwrap_or_default();
        Ok(FailedMessages {
            sms: sql::rows(db, DEAD_SMS, [limit.into()]).await?,
            sms_count: sms_count.unsigned_abs(),
            disconnects: sql::rows(db, DEAD_DISCONNECTS, [limit.into()]).await?,
            disconnects_count: disconnects_count.unsigned_abs(),
        })
    }
}

/// Drops the messages of an outbox that were queued before `since`. Returns how many.
async fn drop_older_than(
    txn: &DatabaseTransaction,
    outbox: &str,
    since: DateTime<Utc>,
) -> Result<u64> {
    let drop = format!(
        "UPDATE {outbox} SET state = 'dead', last_error = $1 \
         WHERE state IN ('queued', 'failed') AND created_at < $2"
    );
    sql::execute(txn, &drop, [DROPPED.into(), since.into()]).await
}
