//! Queues Disconnect-Requests for sessions, in the transaction that ends their voucher or in which an
//! operator asks for it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

use crate::domain::order::OrderId;
use crate::store::engine::sql;
use crate::store::error::Result;

/// The sessions that are queued.
#[derive(Clone)]
enum Queued<'a> {
    /// Every open session of a voucher, once.
    OfVoucher(&'a str),
    /// Every open session of the vouchers that a query finds by their `code` and `order_id`, once.
    OfVouchers(&'a str),
    /// The sessions that a query finds by their `id` and `order_id`, once. It reads the value `$4`.
    Found(&'a str, Value),
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

/// Queues the sessions with more devices than their voucher has, which a query finds by `id` and `order_id`
/// from the value `$4`. Returns their number.
pub async fn queue_found(
    txn: &DatabaseTransaction,
    found: &str,
    value: Value,
    now: DateTime<Utc>,
) -> Result<u64> {
    let found = Queued::Found(found, value);
    queue(txn, found, None, "too many devices", now).await
}

/// Closes sessions of vouchers at routers that end none on request (openNDS): they count as devices of no
/// new code.
async fn close_trusted(
    txn: &DatabaseTransaction,
    codes: &str,
    value: Option<&str>,
    now: DateTime<Utc>,
) -> Result<()> {
    let now: Value = match txn.get_database_backend() {
        DbBackend::Postgres => now.into(),
        _ => now.timestamp().into(),
    };
    let close = format!(
        "UPDATE radacct SET acctstoptime = $1, acctterminatecause = 'Admin-Reset' \
         WHERE username IN ({codes}) AND acctstoptime IS NULL AND acctsessionid = ''"
    );
    match value {
        Some(value) => sql::execute(txn, &close, [now, value.into()]).await,
        None => sql::execute(txn, &close, [now]).await,
    }
    .map(drop)
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
    let at = now;
    let (reason, now, due): (Value, Value, Value) =
        (reason.into(), now.into(), DateTime::UNIX_EPOCH.into());
    let order_id: Value = order_id.map(|id| id.0).into();
    match sessions {
        Queued::OfVoucher(code) => {
            close_trusted(txn, "$2", Some(code), at).await?;
            let queue = insert(
                "$4",
                "radacct",
                "username = $5 AND acctstoptime IS NULL AND acctsessionid <> ''",
                "DO NOTHING",
            );
            sql::execute(txn, &queue, [reason, now, due, order_id, code.into()]).await
        }
        Queued::OfVouchers(vouchers) => {
            let codes = format!("SELECT v.code FROM ({vouchers}) v");
            close_trusted(txn, &codes, None, at).await?;
            let queue = insert(
                "v.order_id",
                &format!("radacct JOIN ({vouchers}) v ON v.code = username"),
                "acctstoptime IS NULL AND acctsessionid <> ''",
                "DO NOTHING",
            );
            sql::execute(txn, &queue, [reason, now, due]).await
        }
        Queued::Found(found, value) => {
            let queue = insert(
                "f.order_id",
                &format!("radacct JOIN ({found}) f ON f.id = radacctid"),
                "acctsessionid <> ''",
                "DO NOTHING",
            );
            sql::execute(txn, &queue, [reason, now, due, value]).await
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
