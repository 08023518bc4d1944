//! Queues Disconnect-Requests for sessions, in the transaction that ends their voucher or in which an
//! operator asks for it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

use crate::domain::order::OrderId;
use crate::store::engine::sql;
use crate::store::error::Result;

/// The sessions that are queued.
#[derive(Clone, Copy)]
enum Queued<'a> {
    /// Every open session of a voucher, once.
    OfVoucher(&'a str),
    /// Every open session of the vouchers that a query finds by their `code` and `order_id`, once.
    OfVouchers(&'a str),
    /// One session, by its row in `radacct`, again if it was queued before. Its router may have forgotten to
    /// report it.
    Again(i64),
}

/// Queues every open session of a voucher. Called in the transaction that revokes the voucher.
pub async fn queue_sessions(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<OrderId>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let sessions = Queued::OfVoucher(code);
    queue(txn, sessions, order_id, reason, now).await.map(drop)
}

/// The same for all vouchers that a query finds, by their `code` and `order_id`.
pub async fn queue_sessions_of(
    txn: &DatabaseTransaction,
    vouchers: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let sessions = Queued::OfVouchers(vouchers);
    queue(txn, sessions, None, reason, now).await.map(drop)
}

/// Queues a session again, for an operator, in the transaction that writes the audit log. Returns whether
/// there is such a session.
pub async fn queue_session(
    txn: &DatabaseTransaction,
    id: i64,
    order_id: Option<OrderId>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let queued = queue(txn, Queued::Again(id), order_id, "operator", now);
    Ok(queued.await? > 0)
}

async fn queue(
    txn: &DatabaseTransaction,
    sessions: Queued<'_>,
    order_id: Option<OrderId>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<u64> {
    let address = |column: &str| match txn.get_database_backend() {
        // An `inet` reads with its prefix length.
        DbBackend::Postgres => format!("host({column})"),
        _ => column.to_owned(),
    };
    let insert = |order: &str, from: &str, which: &str, known: &str| {
        format!(
            "INSERT INTO outbox_messages (kind, reference, order_id, reason, voucher_code, router, \
             session_id, device_address, device_station, state, due_at, created_at) \
             SELECT 'disconnect', 'disconnect-' || acctuniqueid, {order}, $1, username, {}, acctsessionid, \
             {}, callingstationid, 'queued', $3, $2 FROM {from} WHERE {which} ON CONFLICT (reference) {known}",
            address("nasipaddress"),
            address("framedipaddress")
        )
    };
    // Due at once, even if the caller's clock is ahead of the database's.
    let (reason, now, due): (Value, Value, Value) =
        (reason.into(), now.into(), DateTime::UNIX_EPOCH.into());
    let order_id: Value = order_id.map(|id| id.0).into();
    match sessions {
        Queued::OfVoucher(code) => {
            let queue = insert(
                "$4",
                "radacct",
                "username = $5 AND acctstoptime IS NULL AND acctsessionid <> ''",
                "DO NOTHING",
            );
            sql::execute(txn, &queue, [reason, now, due, order_id, code.into()]).await
        }
        Queued::OfVouchers(vouchers) => {
            let queue = insert(
                "v.order_id",
                &format!("radacct JOIN ({vouchers}) v ON v.code = username"),
                "acctstoptime IS NULL AND acctsessionid <> ''",
                "DO NOTHING",
            );
            sql::execute(txn, &queue, [reason, now, due]).await
        }
        Queued::Again(id) => {
            let queue = insert(
                "$4",
                "radacct",
                "radacctid = $5 AND acctsessionid <> '' \
                 AND (acctstoptime IS NULL OR acctterminatecause = 'Silent')",
                "DO UPDATE SET state = excluded.state, reason = excluded.reason, \
                 due_at = excluded.due_at, attempts = 0, result = NULL, last_error = NULL, \
                 sent_at = NULL",
            );
            sql::execute(txn, &queue, [reason, now, due, order_id, id.into()]).await
        }
    }
}
