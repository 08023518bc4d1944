//! Queues Disconnect-Requests for sessions, in the transaction that ends their voucher or in which an
//! operator asks for it.

//!
//! # Invariants
//! - A session has one row. The same row is used again if the router goes on reporting a session that it
//!   said to have ended: another router behind its address may have answered for it.
//! - A voucher has at most [`SESSIONS_MAX`] rows at one router: a router may report sessions without end.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};

use crate::domain::order::OrderId;
use crate::store::engine::sql;
use crate::store::error::Result;

/// A router is asked again about a session that it goes on reporting so long after its answer, because a
/// report may have been on the way.
pub const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);
/// Sessions of a voucher at one router, the oldest first. It has fewer devices.
pub const SESSIONS_MAX: u32 = 50;

/// The reason of a request that is repeated, because the router goes on reporting the session.
pub const AGAIN: &str = "reported again";
/// The reason of the third one, with which an operator is called.
pub const STILL: &str = "still reported";
/// The reason of all later ones.
pub const ON_AND_ON: &str = "reported on and on";

/// The condition for a session of this key for which no request has to be queued. A router that has answered
/// before the time `before`, other than by a refusal, is asked again: sessions are closed by its answer, so
/// an open one was reported since.
pub fn is_asked(key: &str, before: &str) -> String {
    let had_no_effect = had_no_effect("o", before);
    format!(
        "EXISTS (SELECT 1 FROM outbox_messages o WHERE o.reference = 'disconnect-' || {key} \
         AND NOT ({had_no_effect}))"
    )
}

fn had_no_effect(row: &str, before: &str) -> String {
    format!("{row}.state = 'sent' AND {row}.result <> 'refused' AND {row}.sent_at <= {before}")
}

/// The sessions that are queued.
#[derive(Clone)]
enum Queued<'a> {
    /// Every open session of a voucher, once.
    OfVoucher(&'a str),
    /// Every open session of the vouchers that a query finds by their `code` and `order_id`, once.
    OfVouchers(&'a str),
    /// The sessions that a query finds by their `id` and `order_id`, once. It may read the time `$2`, the
    /// time `$4` of [`is_asked`], and the value `$5`.
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

/// Queues the sessions that a query finds by `id` and `order_id`: see [`Queued::Found`]. Returns their number.
pub async fn queue_found(
    txn: &DatabaseTransaction,
    found: &str,
    reason: &str,
    value: Value,
    now: DateTime<Utc>,
) -> Result<u64> {
    let found = Queued::Found(found, value);
    queue(txn, found, None, reason, now).await
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
    let once = queued_again();
    // Due at once, even if the caller's clock is ahead of the database's.
    let at = now;
    let (reason, now, due, before): (Value, Value, Value, Value) = (
        reason.into(),
        now.into(),
        DateTime::UNIX_EPOCH.into(),
        (now - AGAIN_AFTER).into(),
    );
    let order_id: Value = order_id.map(|id| id.0).into();
    match sessions {
        Queued::OfVoucher(code) => {
            close_trusted(txn, "$2", Some(code), at).await?;
            let queue = insert("$5", "radacct", &oldest("$6"), &once);
            let values = [reason, now, due, before, order_id, code.into()];
            sql::execute(txn, &queue, values).await
        }
        Queued::OfVouchers(vouchers) => {
            let codes = format!("SELECT v.code FROM ({vouchers}) v");
            close_trusted(txn, &codes, None, at).await?;
            let queue = insert(
                "v.order_id",
                &format!("radacct JOIN ({vouchers}) v ON v.code = username"),
                &oldest(&codes),
                &once,
            );
            sql::execute(txn, &queue, [reason, now, due, before]).await
        }
        Queued::Found(found, value) => {
            let queue = insert(
                "f.order_id",
                &format!("radacct JOIN ({found}) f ON f.id = radacctid"),
                "acctsessionid <> ''",
                &once,
            );
            sql::execute(txn, &queue, [reason, now, due, before, value]).await
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

/// The condition for the open sessions of these codes that are queued.
fn oldest(codes: &str) -> String {
    format!(
        "radacctid IN (SELECT s.id FROM (SELECT radacctid AS id, \
         ROW_NUMBER() OVER (PARTITION BY username, packetsource ORDER BY radacctid) AS place \
         FROM radacct WHERE username IN ({codes}) AND acctstoptime IS NULL AND acctsessionid <> '') s \
         WHERE s.place <= {SESSIONS_MAX})"
    )
}

/// What happens to a session that has a row: it is queued again if the router's answer had no effect.
fn queued_again() -> String {
    let had_no_effect = had_no_effect("outbox_messages", "$4");
    format!(
        "DO UPDATE SET state = excluded.state, due_at = excluded.due_at, attempts = 0, result = NULL, \
         last_error = NULL, sent_at = NULL, reason = CASE WHEN outbox_messages.reason = '{AGAIN}' \
         THEN '{STILL}' WHEN outbox_messages.reason IN ('{STILL}', '{ON_AND_ON}') THEN '{ON_AND_ON}' \
         ELSE '{AGAIN}' END WHERE {had_no_effect}"
    )
}
