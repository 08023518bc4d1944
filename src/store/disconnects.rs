//! Sessions that are to be ended at their router: queued with what ends them, carried out
//! after it.
//!
//! The rule that must not be broken: a session is queued in the transaction that takes its
//! voucher back, and once, because its `reference` is unique.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use entities::{nas, outbox_messages, radacct};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};
use uuid::Uuid;

use super::radius_sessions::epoch;
use super::{Store, StoreError, events, roll_back};
use crate::domain::decision::Remark;
use crate::domain::ids::OrderId;
use crate::domain::secret::Secret;
use crate::domain::session::Session;
use crate::domain::voucher::VoucherCode;

/// A session that is ours to end until the lease ends.
#[derive(Clone, Debug)]
pub struct QueuedDisconnect {
    /// The row.
    pub id: i64,
    /// Whose; `None` for a printed voucher.
    pub order_id: Option<OrderId>,
    /// What is to end.
    pub session: Session,
    /// The router's shared secret, if it is in `nas`.
    pub secret: Option<Secret>,
    /// Where the router listens, if it is not the usual port.
    pub coa_port: Option<u16>,
    /// How often it was tried before.
    pub attempts: i32,
}

/// Queues every open session of a voucher. Called by whoever takes the voucher back.
pub(super) async fn queue(
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
        self.run(async move {
            let ended = store.ended(now, most).await?;
            if ended.is_empty() {
                return Ok(0);
            }
            let txn = store.begin().await?;
            for (code, order_id) in &ended {
                if let Err(error) = queue(&txn, code, *order_id, "ended", now).await {
                    roll_back(txn).await;
                    return Err(error);
                }
            }
            txn.commit().await.map_err(StoreError::CommitUnknown)?;
            Ok(ended.len())
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
             LEFT JOIN payments p ON p.id = v.payment_id \
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

    /// Claims sessions that are due to be ended at `now` (the database's clock) by moving
    /// their due time forward by `lease`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn claim_disconnects(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<QueuedDisconnect>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let due = outbox_messages::Entity::find()
                .filter(outbox_messages::Column::State.is_in(["queued", "failed"]))
                .filter(outbox_messages::Column::DueAt.lte(now))
                .order_by_asc(outbox_messages::Column::DueAt)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            let mut claimed = Vec::with_capacity(due.len());
            for row in due {
                let moved = outbox_messages::Entity::update_many()
                    .col_expr(outbox_messages::Column::DueAt, Expr::value(now + lease))
                    .filter(outbox_messages::Column::Id.eq(row.id))
                    .filter(outbox_messages::Column::DueAt.lte(now))
                    .exec(&store.inner.writer)
                    .await?;
                if moved.rows_affected == 1 {
                    claimed.push(store.queued(row).await?);
                }
            }
            Ok(claimed)
        })
        .await
    }

    async fn queued(&self, row: outbox_messages::Model) -> Result<QueuedDisconnect, StoreError> {
        let router: IpAddr = row
            .router
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("outbox_messages.router {:?}", row.router)))?;
        let known = nas::Entity::find()
            .filter(nas::Column::Nasname.eq(&row.router))
            .order_by_desc(nas::Column::Id)
            .one(&self.inner.reader)
            .await?;
        let coa_port = known.as_ref().and_then(|router| router.ports);
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(QueuedDisconnect {
            id: row.id,
            order_id: row.order_id.map(OrderId),
            session: Session {
                router,
                user: VoucherCode::from_stored(row.voucher_code),
                id: row.session_id,
                address: row
                    .device_address
                    .and_then(|text| text.parse::<Ipv4Addr>().ok()),
                station: present(row.device_station),
            },
            secret: known.map(|router| Secret::new(router.secret)),
            coa_port: coa_port.and_then(|port| u16::try_from(port).ok()),
            attempts: row.attempts,
        })
    }

    /// The router has answered, one way or the other: that is the end of it, and the order's
    /// timeline tells it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the session is then
    /// ended again when the lease ends, which does no harm.
    pub async fn disconnect_answered(
        &self,
        done: &QueuedDisconnect,
        result: &'static str,
        remark: Remark,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let next = outbox_messages::ActiveModel {
            state: Set("sent".to_owned()),
            result: Set(Some(result.to_owned())),
            sent_at: Set(Some(now)),
            ..Default::default()
        };
        self.tried(done, next, Some(remark), now).await
    }

    /// The router has not answered; it is asked again at `again_at`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn disconnect_failed(
        &self,
        failed: &QueuedDisconnect,
        error: String,
        again_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let next = outbox_messages::ActiveModel {
            state: Set("failed".to_owned()),
            last_error: Set(Some(error)),
            due_at: Set(again_at),
            ..Default::default()
        };
        self.tried(failed, next, None, now).await
    }

    /// The router has not answered for so long that it is given up, which the timeline tells.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn disconnect_given_up(
        &self,
        failed: &QueuedDisconnect,
        error: String,
        remark: Remark,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let next = outbox_messages::ActiveModel {
            state: Set("dead".to_owned()),
            last_error: Set(Some(error)),
            ..Default::default()
        };
        self.tried(failed, next, Some(remark), now).await
    }

    async fn tried(
        &self,
        queued: &QueuedDisconnect,
        mut next: outbox_messages::ActiveModel,
        remark: Option<Remark>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        next.attempts = Set(queued.attempts + 1);
        let told = queued.order_id.zip(remark);
        let (store, id) = (self.clone(), queued.id);
        self.run(async move {
            let txn = store.begin().await?;
            let written = async {
                outbox_messages::Entity::update_many()
                    .set(next)
                    .filter(outbox_messages::Column::Id.eq(id))
                    .exec(&txn)
                    .await?;
                if let Some((order_id, remark)) = told {
                    events::insert(&txn, order_id, &remark, now).await?;
                }
                Ok(())
            };
            if let Err(error) = written.await {
                roll_back(txn).await;
                return Err(error);
            }
            txn.commit().await.map_err(StoreError::CommitUnknown)
        })
        .await
    }
}
