//! After a restored backup SMS and Disconnect-Requests wait until an operator lets them go.
//!
//! # Invariants
//! - Nothing is claimed from either outbox while the row is there (`is_let_go`).
//! - The row goes in the transaction that drops the old messages: none of them is due between.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;
use sea_orm::sea_query::{Expr, SimpleExpr};

use crate::domain::outbox_hold::{OutboxHold, Queued, Waiting};
use crate::store::engine::sql;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, StoreError};

/// What waits of both outboxes, all and from before the restored backup was made.
const WAITING: &str = "SELECT h.since, \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('queued', 'failed')), \
     (SELECT COUNT(*) FROM sms_messages WHERE state IN ('queued', 'failed') \
         AND created_at < h.since), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('queued', 'failed')), \
     (SELECT COUNT(*) FROM outbox_messages WHERE state IN ('queued', 'failed') \
         AND created_at < h.since) \
     FROM outbox_holds h";
/// Why a message was given up.
const DROPPED: &str = "dropped by an operator: it was queued in a backup that was restored";

/// How many messages an operator has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// SMS.
    pub sms: u64,
    /// Disconnect-Requests.
    pub disconnects: u64,
}

/// Holds for every message, unless the outbox is held.
pub(in crate::store) fn is_let_go() -> SimpleExpr {
    Expr::cust("NOT EXISTS (SELECT 1 FROM outbox_holds)")
}

impl Store {
    /// What is held back; `None` if messages go out as they come.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn outbox_hold(&self) -> Result<Option<OutboxHold>, StoreError> {
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

    /// Lets messages go from now on; `None` if nothing was held.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn release_outbox(
        &self,
        queued: Queued,
        audit: AuditEntry,
    ) -> Result<Option<Dropped>, StoreError> {
        let now = self.clock().now();
        self.transaction_if(move |txn| Box::pin(release(txn, queued, audit, now)))
            .await
    }
}

async fn release(
    txn: &DatabaseTransaction,
    queued: Queued,
    audit: AuditEntry,
    now: DateTime<Utc>,
) -> Result<Option<Dropped>, StoreError> {
    // Of two operators at the same moment one deletes the row, and the other finds none.
    let release = "DELETE FROM outbox_holds RETURNING since";
    let Some(since) = sql::tuple(txn, release, []).await? else {
        return Ok(None);
    };
    let dropped = match queued {
        Queued::Send => Dropped::default(),
        Queued::Drop => drop_older_than(txn, since).await?,
    };
    audit_log::insert(txn, &audit, now).await?;
    Ok(Some(dropped))
}

async fn drop_older_than(
    txn: &DatabaseTransaction,
    since: DateTime<Utc>,
) -> Result<Dropped, StoreError> {
    let sms = "UPDATE sms_messages SET state = 'dead', last_error = $1 \
         WHERE state IN ('queued', 'failed') AND created_at < $2";
    let disconnects = "UPDATE outbox_messages SET state = 'dead', last_error = $1 \
         WHERE state IN ('queued', 'failed') AND created_at < $2";
    Ok(Dropped {
        sms: sql::execute(txn, sms, [DROPPED.into(), since.into()]).await?,
        disconnects: sql::execute(txn, disconnects, [DROPPED.into(), since.into()]).await?,
    })
}
