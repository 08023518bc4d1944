//! The outbox of Disconnect-Requests: sessions that a router is to end. A session is queued in the
//! transaction that revokes its voucher, or by a job once the voucher's time is over. The request
//! is sent after the commit.
//!
//! # Invariants
//! A session is queued once, because its `reference` is unique.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, Utc};
use entities::outbox_messages;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use tracing::error;

use crate::domain::access::{DisconnectResult, Origin, Router, Session, VoucherCode};
use crate::domain::order::{OrderId, Remark};
use crate::domain::people::Secret;
use crate::store::access::Lease;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::queue_sessions;
use crate::store::radius::router_status::RECORD_DISCONNECT;
use crate::store::radius::sessions::epoch;
use crate::store::{FailedAttempt, Store, StoreError, journal};

/// The router's answer that it does not end the session.
pub const REFUSED: &str = "refused";

/// A session that this process may end until the lease ends.
#[derive(Clone, Debug)]
pub struct QueuedDisconnect {
    /// The row.
    pub id: i64,
    /// The order of its voucher; `None` for a printed voucher.
    pub order_id: Option<OrderId>,
    /// The session.
    pub session: Session,
    /// Its router's row in `nas`.
    pub router_id: Option<i32>,
    /// Where its router is reached: a NAS-IP-Address may be that of many routers.
    pub address: IpAddr,
    /// The router's shared secret, if it is in `nas`.
    pub secret: Option<Secret>,
    /// Where the router listens, if not on the usual port.
    pub coa_port: Option<u16>,
    /// How often it was tried before.
    pub attempts: i32,
}

/// The user name of the session of message `$1` as the guest typed it, if that is not the code: see
/// `deploy/freeradius/radiusd.conf`, which stores it as the realm.
const TYPED: &str = "SELECT realm FROM radacct WHERE realm <> '' AND acctuniqueid = \
     (SELECT SUBSTR(reference, 12) FROM outbox_messages WHERE id = $1)";

/// Closes, at `$1`, the session of message `$2`, which its router has ended: the router's own report
/// may be lost. FreeRADIUS opens a session with this cause again if the router reports it after all.
const CLOSE: &str = "UPDATE radacct SET acctstoptime = $1, acctterminatecause = 'Silent' \
     WHERE acctstoptime IS NULL AND acctuniqueid = \
     (SELECT SUBSTR(reference, 12) FROM outbox_messages WHERE id = $2)";

impl Store {
    /// Queues the open sessions of vouchers that have ended: their time is over, or they were
    /// revoked while a guest was just logging in. Returns the number of vouchers.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn queue_ended(&self, now: DateTime<Utc>, limit: u64) -> Result<usize> {
        let first_login = epoch(self.backend(), "MIN(f.acctstarttime)");
        let ended = format!(
            "SELECT DISTINCT v.code, p.order_id FROM radacct a \
             JOIN vouchers v ON v.code = a.username \
             LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
             WHERE a.acctstoptime IS NULL AND a.acctsessionid <> '' AND (v.revoked_at IS NOT NULL OR v.expires_at <= $1 \
                OR (v.validity = 'first_login' AND v.duration_minutes * 60 + \
                    (SELECT {first_login} FROM radacct f WHERE f.username = v.code) <= $2)) \
             AND NOT EXISTS (SELECT 1 FROM outbox_messages o \
                WHERE o.reference = 'disconnect-' || a.acctuniqueid) \
             LIMIT {limit}"
        );
        let values = [now.into(), now.timestamp().into()];
        let ended: Vec<(String, Option<OrderId>)> = sql::tuples(&self.db(), &ended, values).await?;
        if ended.is_empty() {
            return Ok(0);
        }
        self.transaction(move |txn| {
            Box::pin(async move {
                for (code, order_id) in &ended {
                    queue_sessions(txn, code, *order_id, "ended", now).await?;
                }
                Ok(ended.len())
            })
        })
        .await
    }

    /// Claims sessions that are due to be ended at the start of the lease, by moving their due time to
    /// its end.
    ///
    /// # Errors
    /// As `Store::transaction`; rows that were claimed are due again when the lease ends.
    pub async fn claim_disconnects(
        &self,
        lease: Lease,
        limit: u64,
    ) -> Result<Vec<QueuedDisconnect>> {
        use outbox_messages::Column;
        let due = outbox_messages::Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(super::is_released())
            .order_by_asc(Column::DueAt)
            .limit(limit);
        let claimed = self.claim(lease, (Column::Id, Column::DueAt), due).await?;
        let routers = match claimed.is_empty() {
            true => Vec::new(),
            false => self.routers().await?,
        };
        let mut queued = Vec::new();
        for row in claimed {
            let id = row.id;
            match self.queued(row, &routers).await {
                Ok(session) => queued.push(session),
                // The other rows are claimed already, and must not wait for this one.
                Err(error @ StoreError::Corrupt(_)) => {
                    error!(disconnect = id, %error, "a session to be ended cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(queued)
    }

    async fn queued(
        &self,
        row: outbox_messages::Model,
        routers: &[Router],
    ) -> Result<QueuedDisconnect> {
        let router: IpAddr = row
            .router
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("outbox_messages.router {:?}", row.router)))?;
        let (known, address) = self.registered(&row, router, routers).await?;
        let code = VoucherCode::from_stored(row.voucher_code);
        let typed: Option<String> = sql::tuple(&self.db(), TYPED, [row.id.into()]).await?;
        // Another installation's realm is no spelling of the code.
        let typed = typed.filter(|text| code.is_typed_as(text));
        Ok(QueuedDisconnect {
            id: row.id,
            order_id: row.order_id.map(OrderId),
            session: Session {
                router,
                user: typed.map_or(code, VoucherCode::from_stored),
                id: row.session_id,
                address: (row.device_address).and_then(|text| text.parse::<Ipv4Addr>().ok()),
            },
            router_id: known.map(|router| router.id),
            address,
            secret: known.map(|router| router.secret.clone()),
            coa_port: known.map(|router| router.coa_port),
            attempts: row.attempts,
        })
    }

    /// The router of a session in `nas`, and the address to reach it at. Without a row it is the address
    /// that the session's packets come from.
    async fn registered<'a>(
        &self,
        row: &outbox_messages::Model,
        says: IpAddr,
        routers: &'a [Router],
    ) -> Result<(Option<&'a Router>, IpAddr)> {
        let session = row.reference.strip_prefix("disconnect-");
        let source = "SELECT packetsource, nasidentifier FROM radacct WHERE acctuniqueid = $1";
        let source: Option<(Option<String>, Option<String>)> =
            sql::tuple(&self.db(), source, [session.into()]).await?;
        let (source, identifier) = source.unwrap_or_default();
        let origin = Origin {
            source: source.and_then(|text| text.parse().ok()),
            identifier: identifier.as_deref().unwrap_or_default(),
            says: Some(says),
        };
        if let Some((router, address)) = Router::of_session(routers, &origin) {
            return Ok((Some(router), address));
        }
        // What comes from this machine was passed on.
        let source = origin.source.filter(|address| !address.is_loopback());
        Ok((None, source.unwrap_or(says)))
    }

    /// Records one attempt to end a session, and its line in the order's timeline. After an answer of
    /// the router, which is given in a word, there is no other attempt; unless it is [`REFUSED`], the
    /// session is closed, so that it is no device on-line.
    ///
    /// # Errors
    /// As `Store::transaction`; the session is then ended again when the lease ends, which does no
    /// harm.
    pub async fn record_disconnect(
        &self,
        queued: &QueuedDisconnect,
        attempt: Result<&str, FailedAttempt>,
        remark: Option<Remark>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let is_over = attempt.as_ref().is_ok_and(|answer| *answer != REFUSED);
        let said = *attempt.as_ref().unwrap_or(&DisconnectResult::Silent.into());
        let said = queued
            .router_id
            .map(|id| [id.into(), now.timestamp().into(), said.into()]);
        let mut next = outbox_messages::ActiveModel {
            attempts: Set(queued.attempts + 1),
            ..Default::default()
        };
        match attempt {
            Ok(result) => {
                next.state = Set("sent".to_owned());
                next.result = Set(Some(result.to_owned()));
                next.sent_at = Set(Some(now));
            }
            Err(failed) => {
                next.state = Set(failed.state().to_owned());
                next.last_error = Set(Some(failed.error));
                if let Some(at) = failed.again_at {
                    next.due_at = Set(at);
                }
            }
        }
        let update = outbox_messages::Entity::update_many()
            .set(next)
            .filter(outbox_messages::Column::Id.eq(queued.id));
        let remark = queued.order_id.zip(remark);
        let at: Value = match self.backend() {
            DbBackend::Postgres => now.into(),
            _ => now.timestamp().into(),
        };
        let close = is_over.then(|| [at, queued.id.into()]);
        self.share(move |txn| {
            let (update, remark, close) = (update.clone(), remark.clone(), close.clone());
            let said = said.clone();
            Box::pin(async move {
                update.exec(txn).await?;
                if let Some(values) = said {
                    sql::execute(txn, RECORD_DISCONNECT, values).await?;
                }
                if let Some(values) = close {
                    sql::execute(txn, CLOSE, values).await?;
                }
                if let Some((order_id, remark)) = &remark {
                    journal::insert_remark(txn, *order_id, remark, now).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
