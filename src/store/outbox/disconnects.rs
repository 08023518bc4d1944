//! The outbox of Disconnect-Requests: sessions that a router is told to end, after what ends
//! them was committed (`ended_sessions.rs` queues them).

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use entities::{nas, outbox_messages};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use tracing::error;

use super::hold;
use crate::domain::access::session::Session;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::decision::Remark;
use crate::domain::order::ids::OrderId;
use crate::domain::people::secret::Secret;
use crate::store::engine::lease::Lease;
use crate::store::orders::events;
use crate::store::{Store, StoreError};

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

impl Store {
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
        use outbox_messages::Column;
        let lease = Lease {
            now,
            until: now + lease,
        };
        let due = outbox_messages::Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(hold::is_let_go())
            .order_by_asc(Column::DueAt)
            .limit(most);
        let claimed = self.claim(lease, (Column::Id, Column::DueAt), due);
        let mut queued = Vec::new();
        for row in claimed.await? {
            let id = row.id;
            match self.queued(row).await {
                Ok(session) => queued.push(session),
                // The others are claimed already, and must not wait for it.
                Err(error @ StoreError::Corrupt(_)) => {
                    error!(disconnect = id, %error, "a session to be ended cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(queued)
    }

    async fn queued(&self, row: outbox_messages::Model) -> Result<QueuedDisconnect, StoreError> {
        let router: IpAddr = row
            .router
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("outbox_messages.router {:?}", row.router)))?;
        let (store, address) = (self.clone(), row.router.clone());
        let known = self.read(async move {
            let known = nas::Entity::find()
                .filter(nas::Column::Nasname.eq(address))
                .order_by_desc(nas::Column::Id);
            Ok(known.one(&store.inner.reader).await?)
        });
        let known = known.await?;
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
        let id = queued.id;
        self.share(move |txn| {
            let (next, told) = (next.clone(), told.clone());
            Box::pin(async move {
                outbox_messages::Entity::update_many()
                    .set(next)
                    .filter(outbox_messages::Column::Id.eq(id))
                    .exec(txn)
                    .await?;
                if let Some((order_id, remark)) = &told {
                    events::insert(txn, *order_id, remark, now).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
