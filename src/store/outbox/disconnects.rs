//! The outbox of Disconnect-Requests: sessions that a router is to end. A session is queued in the
//! transaction that revokes its voucher, or by a job once the voucher's time is over. The request
//! is sent after the commit.
//!
//! # Invariants
//! A session is queued once, because its `reference` is unique.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, Utc};
use entities::{nas, outbox_messages};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Value,
};
use tracing::error;

use crate::domain::access::{Session, VoucherCode};
use crate::domain::order::{OrderId, Remark};
use crate::domain::people::Secret;
use crate::store::access::Lease;
use crate::store::engine::sql;
use crate::store::error::Result;
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
    /// Where its router is reached: a NAS-IP-Address may be that of many routers.
    pub address: IpAddr,
    /// The router's shared secret, if it is in `nas`.
    pub secret: Option<Secret>,
    /// Where the router listens, if not on the usual port.
    pub coa_port: Option<u16>,
    /// How often it was tried before.
    pub attempts: i32,
}

/// Queues every open session of a voucher. Called in the transaction that revokes the voucher.
pub async fn queue_sessions(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<OrderId>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let queue = queue(txn, "$4", "radacct", "username = $5");
    let values = [
        reason.into(),
        DateTime::UNIX_EPOCH.into(),
        now.into(),
        order_id.map(|id| id.0).into(),
        code.into(),
    ];
    sql::execute(txn, &queue, values).await.map(drop)
}

/// The same for all vouchers that a query finds, by their `code` and `order_id`.
pub async fn queue_sessions_of(
    txn: &DatabaseTransaction,
    vouchers: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let sessions = format!("radacct JOIN ({vouchers}) v ON v.code = username");
    let queue = queue(txn, "v.order_id", &sessions, "username = v.code");
    let values = [reason.into(), DateTime::UNIX_EPOCH.into(), now.into()];
    sql::execute(txn, &queue, values).await.map(drop)
}

/// The statement that queues sessions. `$1` is the reason. `$2` is the due time, long ago: due at once, even
/// if the caller's clock is ahead of the database's. `$3` is now.
fn queue(txn: &DatabaseTransaction, order_id: &str, sessions: &str, condition: &str) -> String {
    let address = |column: &str| match txn.get_database_backend() {
        // An `inet` reads with its prefix length.
        DbBackend::Postgres => format!("host({column})"),
        _ => column.to_owned(),
    };
    format!(
        "INSERT INTO outbox_messages (kind, reference, order_id, reason, voucher_code, router, \
         session_id, device_address, device_station, state, due_at, created_at) \
         SELECT 'disconnect', 'disconnect-' || acctuniqueid, {order_id}, $1, username, {}, acctsessionid, \
         {}, callingstationid, 'queued', $2, $3 FROM {sessions} \
         WHERE {condition} AND acctstoptime IS NULL ON CONFLICT (reference) DO NOTHING",
        address("nasipaddress"),
        address("framedipaddress")
    )
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
             WHERE a.acctstoptime IS NULL AND (v.revoked_at IS NOT NULL OR v.expires_at <= $1 \
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
        let claimed = self.claim(lease, (Column::Id, Column::DueAt), due);
        let mut queued = Vec::new();
        for row in claimed.await? {
            let id = row.id;
            match self.queued(row).await {
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

    async fn queued(&self, row: outbox_messages::Model) -> Result<QueuedDisconnect> {
        let router: IpAddr = row
            .router
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("outbox_messages.router {:?}", row.router)))?;
        let (known, address) = self.registered(&row, router).await?;
        let coa_port = known.as_ref().and_then(|router| router.ports);
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
            address,
            secret: known.map(|router| Secret::new(router.secret)),
            coa_port: coa_port.and_then(|port| u16::try_from(port).ok()),
            attempts: row.attempts,
        })
    }

    /// The router of a session in `nas`, and the address to reach it at. The address that the session's
    /// packets come from counts before the one that the router gives itself. Of several routers behind
    /// one address, the one with the name that it gives itself.
    async fn registered(
        &self,
        row: &outbox_messages::Model,
        says: IpAddr,
    ) -> Result<(Option<nas::Model>, IpAddr)> {
        let session = row.reference.strip_prefix("disconnect-");
        let source = "SELECT packetsource, nasidentifier FROM radacct WHERE acctuniqueid = $1";
        let source: Option<(Option<String>, Option<String>)> =
            sql::tuple(&self.db(), source, [session.into()]).await?;
        let (source, identifier) = source.unwrap_or_default();
        let known = "WHERE nasname IN ($1, $2) ORDER BY CASE WHEN nasname = $1 THEN 0 ELSE 1 END, \
             CASE WHEN shortname = $3 THEN 0 ELSE 1 END, id DESC LIMIT 1";
        let values = [
            source.clone().unwrap_or_default().into(),
            row.router.as_str().into(),
            identifier.unwrap_or_default().into(),
        ];
        let known: Option<nas::Model> = sql::model(&self.db(), known, values).await?;
        let source = source.and_then(|text| text.parse::<IpAddr>().ok());
        let address = match &known {
            Some(router) => router.nasname.parse().ok(),
            // What comes from this machine was passed on.
            None => source.filter(|address| !address.is_loopback()),
        };
        Ok((known, address.unwrap_or(says)))
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
            Box::pin(async move {
                update.exec(txn).await?;
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
