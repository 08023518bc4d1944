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
use crate::store::engine::sql;
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

/// What became of one attempt to end a session.
#[derive(Clone, Debug)]
pub enum DisconnectAttempt {
    /// The router has answered, one way or the other: that is the end of it.
    Answered(&'static str),
    /// The router has not answered. It is asked again at this time, or is given up.
    Failed {
        /// For the operator.
        error: String,
        /// When it is due again.
        again_at: Option<DateTime<Utc>>,
    },
}

impl Store {
    /// Claims sessions that are due to be ended at `now` (the database's clock) by moving
    /// their due time forward by `lease`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim_disconnects(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<QueuedDisconnect>, StoreError> {
        use outbox_messages::Column;
        let due = outbox_messages::Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(hold::is_let_go())
            .order_by_asc(Column::DueAt)
            .limit(most);
        let claimed = self.claim(now..now + lease, (Column::Id, Column::DueAt), due);
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
        let known = sql::select::<nas::Entity>("WHERE nasname = $1 ORDER BY id DESC LIMIT 1");
        let known: Option<nas::Model> =
            sql::row(&self.db(), &known, [row.router.as_str().into()]).await?;
        let coa_port = known.as_ref().and_then(|router| router.ports);
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(QueuedDisconnect {
            id: row.id,
            order_id: row.order_id.map(OrderId),
            session: Session {
                router,
                user: VoucherCode::from_stored(row.voucher_code),
                id: row.session_id,
                address: (row.device_address).and_then(|text| text.parse::<Ipv4Addr>().ok()),
                station: present(row.device_station),
            },
            secret: known.map(|router| Secret::new(router.secret)),
            coa_port: coa_port.and_then(|port| u16::try_from(port).ok()),
            attempts: row.attempts,
        })
    }

    /// Records one attempt to end a session, and its remark in the order's timeline.
    ///
    /// # Errors
    /// As `Store::transaction`; the session is then ended again when the lease ends, which does no
    /// harm.
    pub async fn record_disconnect(
        &self,
        queued: &QueuedDisconnect,
        attempt: DisconnectAttempt,
        remark: Option<Remark>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut next = outbox_messages::ActiveModel {
            attempts: Set(queued.attempts + 1),
            ..Default::default()
        };
        match attempt {
            DisconnectAttempt::Answered(result) => {
                next.state = Set("sent".to_owned());
                next.result = Set(Some(result.to_owned()));
                next.sent_at = Set(Some(now));
            }
            DisconnectAttempt::Failed { error, again_at } => {
                next.state = Set(if again_at.is_some() { "failed" } else { "dead" }.to_owned());
                next.last_error = Set(Some(error));
                if let Some(at) = again_at {
                    next.due_at = Set(at);
                }
            }
        }
        let update = outbox_messages::Entity::update_many()
            .set(next)
            .filter(outbox_messages::Column::Id.eq(queued.id));
        let remark = queued.order_id.zip(remark);
        self.share(move |txn| {
            let (update, remark) = (update.clone(), remark.clone());
            Box::pin(async move {
                update.exec(txn).await?;
                if let Some((order_id, remark)) = &remark {
                    events::insert(txn, *order_id, remark, now).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
