//! Restored books: SMS and Disconnect-Requests wait until an operator lets them go.
//!
//! # Invariants
//! - Nothing is claimed from either outbox while the row is there (`is_let_go`).
//! - The row goes in the transaction that drops the old messages: none of them is due between.

use chrono::{DateTime, Utc};
use entities::{outbox_holds, outbox_messages, sms_messages};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, Select};

use crate::domain::outbox_hold::{OutboxHold, Queued, Waiting};
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, StoreError};

/// The id of the only row.
const HOLD: i32 = 1;
/// States in which a message is still to be sent.
const WAITING: [&str; 2] = ["queued", "failed"];
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
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn outbox_hold(&self) -> Result<Option<OutboxHold>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let reader = &store.inner.reader;
            let Some(hold) = outbox_holds::Entity::find_by_id(HOLD).one(reader).await? else {
                return Ok(None);
            };
            let old_sms = sms_messages::Column::CreatedAt.lt(hold.since);
            let old_disconnects = outbox_messages::Column::CreatedAt.lt(hold.since);
            Ok(Some(OutboxHold {
                since: hold.since,
                sms: Waiting {
                    all: waiting_sms().count(reader).await?,
                    old: waiting_sms().filter(old_sms).count(reader).await?,
                },
                disconnects: Waiting {
                    all: waiting_disconnects().count(reader).await?,
                    old: waiting_disconnects()
                        .filter(old_disconnects)
                        .count(reader)
                        .await?,
                },
            }))
        })
        .await
    }

    /// Lets messages go from now on; `None` if nothing was held.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn release_outbox(
        &self,
        queued: Queued,
        audit: AuditEntry,
    ) -> Result<Option<Dropped>, StoreError> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move { release(txn, queued, &audit, now).await })
        })
        .await
    }
}

async fn release(
    txn: &DatabaseTransaction,
    queued: Queued,
    audit: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<Option<Dropped>, StoreError> {
    let Some(hold) = outbox_holds::Entity::find_by_id(HOLD).one(txn).await? else {
        return Ok(None);
    };
    let gone = outbox_holds::Entity::delete_by_id(HOLD).exec(txn).await?;
    if gone.rows_affected == 0 {
        // Another operator was quicker.
        return Ok(None);
    }
    let dropped = match queued {
        Queued::Send => Dropped::default(),
        Queued::Drop => drop_older_than(txn, hold.since).await?,
    };
    audit_log::insert(txn, audit, now).await?;
    Ok(Some(dropped))
}

async fn drop_older_than(
    txn: &DatabaseTransaction,
    since: DateTime<Utc>,
) -> Result<Dropped, StoreError> {
    let sms = sms_messages::Entity::update_many()
        .col_expr(sms_messages::Column::State, Expr::value("dead"))
        .col_expr(sms_messages::Column::LastError, Expr::value(DROPPED))
        .filter(sms_messages::Column::State.is_in(WAITING))
        .filter(sms_messages::Column::CreatedAt.lt(since))
        .exec(txn)
        .await?;
    let disconnects = outbox_messages::Entity::update_many()
        .col_expr(outbox_messages::Column::State, Expr::value("dead"))
        .col_expr(outbox_messages::Column::LastError, Expr::value(DROPPED))
        .filter(outbox_messages::Column::State.is_in(WAITING))
        .filter(outbox_messages::Column::CreatedAt.lt(since))
        .exec(txn)
        .await?;
    Ok(Dropped {
        sms: sms.rows_affected,
        disconnects: disconnects.rows_affected,
    })
}

fn waiting_sms() -> Select<sms_messages::Entity> {
    sms_messages::Entity::find().filter(sms_messages::Column::State.is_in(WAITING))
}

fn waiting_disconnects() -> Select<outbox_messages::Entity> {
    outbox_messages::Entity::find().filter(outbox_messages::Column::State.is_in(WAITING))
}
