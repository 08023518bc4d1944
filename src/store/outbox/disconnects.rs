//! The outbox of Disconnect-Requests: sessions that a router is to end. A session is queued in the
//! transaction that revokes its voucher, or by a job once the voucher's time or data is used up. The request
//! is sent after the commit.
//!
//! # Invariants
//! - A session has one row, because its `reference` is unique.
//! - Routers take turns: the queue of one delays no other.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, Utc};
use entities::outbox_messages;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, QueryFilter, Value};
use tracing::error;

use crate::domain::access::{DisconnectResult, Origin, Router, Session, VoucherCode};
use crate::domain::order::{OrderId, Remark};
use crate::domain::people::Secret;
use crate::store::access::Lease;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::{AGAIN, ON_AND_ON, STILL};
use crate::store::radius::router_status::RECORD_DISCONNECT;
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
    /// Whether the router has said before that the session is over.
    pub repetition: Repetition,
}

/// Whether a router has said that a session is over, and has reported it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// It is the first request.
    No,
    /// It has once.
    Once,
    /// It has twice.
    Twice,
    /// It has more often.
    Often,
}

/// Which sessions are claimed.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// Sessions of each router.
    pub sessions: usize,
    /// Routers, of which each gets its share.
    pub routers: usize,
    /// Routers that get none.
    pub busy: &'a [String],
}

/// Due sessions, and their routers: each router's first, then each router's second, and so on. A router is
/// where its packets come from, because a packet may say anything of itself; what comes from this machine was
/// passed on.
const DUE: &str = "SELECT id, router FROM (SELECT id, due_at, router, \
        ROW_NUMBER() OVER (PARTITION BY router ORDER BY due_at, id) AS place \
        FROM (SELECT o.id AS id, o.due_at AS due_at, \
            CASE WHEN a.packetsource IN ('127.0.0.1', '::1') THEN o.router \
            ELSE COALESCE(a.packetsource, o.router) END AS router \
            FROM outbox_messages o LEFT JOIN radacct a ON a.acctuniqueid = SUBSTR(o.reference, 12) \
            WHERE o.state IN ('queued', 'failed') AND o.due_at <= $1 \
            AND NOT EXISTS (SELECT 1 FROM outbox_holds)) sessions) due \
     WHERE place <= $2 ORDER BY place, due_at, id LIMIT 1024";

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
    /// Claims sessions that are due to be ended at the start of the lease, by moving their due time to
    /// its end; by their router, which is the same for sessions whose packets come from one address.
    ///
    /// # Errors
    /// As `Store::transaction`; rows that were claimed are due again when the lease ends.
    pub async fn claim_disconnects(
        &self,
        lease: Lease,
        share: Share<'_>,
    ) -> Result<HashMap<String, Vec<QueuedDisconnect>>> {
        use outbox_messages::Column;
        let sessions = i64::try_from(share.sessions).unwrap_or(i64::MAX);
        let values = [lease.start.into(), sessions.into()];
        let due: Vec<(i64, String)> = sql::tuples(&self.db(), DUE, values).await?;
        let mut by_router: HashMap<String, Vec<QueuedDisconnect>> = HashMap::new();
        let mut router_of = HashMap::new();
        for (id, router) in due {
            let is_known = by_router.contains_key(&router);
            if is_known || by_router.len() < share.routers && !share.busy.contains(&router) {
                by_router.entry(router.clone()).or_default();
                router_of.insert(id, router);
            }
        }
        let candidates = outbox_messages::Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(super::is_released());
        let (key, ids) = ((Column::Id, Column::DueAt), router_of.keys().copied());
        let claimed = self.claim_rows(lease, key, candidates, ids.collect());
        let claimed = claimed.await?;
        let routers = match claimed.is_empty() {
            true => Vec::new(),
            false => self.routers().await?,
        };
        for row in claimed {
            let id = row.id;
            let router = router_of.get(&id).and_then(|it| by_router.get_mut(it));
            match (self.queued(row, &routers).await, router) {
                (Ok(session), Some(router)) => router.push(session),
                (Ok(_), None) => {}
                // The other rows are claimed already, and must not wait for this one.
                (Err(error @ StoreError::Corrupt(_)), _) => {
                    error!(disconnect = id, %error, "a session to be ended cannot be read");
                }
                (Err(error), _) => return Err(error),
            }
        }
        by_router.retain(|_, sessions| !sessions.is_empty());
        Ok(by_router)
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
            repetition: match row.reason.as_str() {
                AGAIN => Repetition::Once,
                STILL => Repetition::Twice,
                ON_AND_ON => Repetition::Often,
                _ => Repetition::No,
            },
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
