//! RADIUS users, which make FreeRADIUS accept a voucher: written with the voucher, tested after its
//! sale, and deleted when it is revoked.
//!
//! # Invariants
//! FreeRADIUS's tables have no unique key on user and attribute, so a user is written once, and in the
//! same transaction as its row in `vouchers`, whose key is unique.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{radcheck, radreply, radusergroup};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, FromQueryResult};

use crate::domain::access::{Attribute, RadiusUser, VoucherCode};
use crate::domain::order::OrderId;
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::queue_sessions;
use crate::store::radius::sessions::IS_UNUSED;

/// FreeRADIUS accepts the voucher.
pub const TESTED: &str = "tested";
/// FreeRADIUS rejects it.
pub const REJECTED: &str = "not_let_in";
/// There was no authentic answer.
pub const NOT_TESTED: &str = "not_tested";

/// Older rejections are not counted: the guests have complained by then.
const REJECTIONS_WITHIN: TimeDelta = TimeDelta::days(1);
/// What an operator asks for first.
const LATELY: TimeDelta = TimeDelta::hours(1);

/// A sold voucher, and its order.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SoldVoucher {
    /// The order.
    pub order_id: OrderId,
    /// The code.
    pub code: VoucherCode,
    /// The result of its last test, if there was one: one of the words above.
    pub last_test: Option<String>,
}

/// How the timeline says that a voucher was rejected; a reason follows.
pub const REJECTION: &str = "FreeRADIUS does not let this voucher in: ";

/// Sold vouchers that FreeRADIUS rejected when they were tested in the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// By reason, the latest first; a voucher counts for its last one.
    pub reasons: Vec<RefusedFor>,
    /// Vouchers among them that it has not accepted since, and that are still valid.
    pub still: i64,
}

/// Vouchers that were rejected for one reason, as FreeRADIUS wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedFor {
    /// The reason.
    pub reason: String,
    /// Vouchers in the last hour.
    pub in_an_hour: i64,
    /// Vouchers in the last day.
    pub in_a_day: i64,
}

impl Refusals {
    /// Vouchers that were rejected in the last hour.
    pub fn in_an_hour(&self) -> i64 {
        self.reasons.iter().map(|row| row.in_an_hour).sum()
    }

    /// Vouchers that were rejected in the last day.
    pub fn in_a_day(&self) -> i64 {
        self.reasons.iter().map(|row| row.in_a_day).sum()
    }
}

/// The newest voucher that was just sold and was not tested yet. Only among the last few rows: a shop
/// that sells faster is tested by samples.
const UNTESTED: &str = "SELECT v.code AS code, p.order_id AS order_id, \
     CAST(NULL AS text) AS last_test FROM vouchers v \
     JOIN payments p ON p.id = v.payment_id \
     WHERE v.id > (SELECT COALESCE(MAX(id), 0) - 20 FROM vouchers) \
     AND v.issued_at >= $1 AND v.revoked_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM order_events e \
         WHERE e.order_id = p.order_id AND e.kind IN ('tested', 'not_let_in', 'not_tested')) \
     ORDER BY v.id DESC LIMIT 1";

/// Alerts of the last day, found by their own index before anything else; `$1` is a day ago.
const ALERTS: &str = "WITH alerts AS MATERIALIZED (SELECT id, order_id, kind, at FROM order_events \
     WHERE level = 'alert' AND at >= $1 AND kind IN ('not_let_in', 'not_tested'))";

/// Alerts whose order was not tested since and whose voucher is still valid; `$2` is now. With `CROSS
/// JOIN` SQLite joins in this order; otherwise it may read all vouchers first.
const STILL_DOUBTFUL: &str = "FROM alerts e CROSS JOIN payments p CROSS JOIN vouchers v \
     WHERE p.order_id = e.order_id AND v.payment_id = p.id \
     AND v.revoked_at IS NULL AND (v.expires_at IS NULL OR v.expires_at > $2) \
     AND NOT EXISTS (SELECT 1 FROM order_events t WHERE t.order_id = e.order_id \
         AND t.id > e.id AND t.kind IN ('tested', 'not_let_in', 'not_tested'))";

fn doubtful() -> String {
    format!(
        "{ALERTS} SELECT v.code AS code, e.order_id AS order_id, e.kind AS last_test {STILL_DOUBTFUL} \
         ORDER BY e.id DESC LIMIT 50"
    )
}

fn still_refused() -> String {
    format!("{ALERTS} SELECT COUNT(*) {STILL_DOUBTFUL} AND e.kind = 'not_let_in'")
}

/// Vouchers by reason, the latest first; each order's last rejection counts. `$2` is an hour ago.
fn reasons() -> String {
    format!(
        "{ALERTS} SELECT l.summary, COUNT(CASE WHEN l.at >= $2 THEN 1 END), COUNT(*) \
         FROM alerts r JOIN order_events l ON l.id = r.id WHERE r.kind = 'not_let_in' \
         AND NOT EXISTS (SELECT 1 FROM alerts n WHERE n.kind = 'not_let_in' \
             AND n.order_id = r.order_id AND n.id > r.id) \
         GROUP BY l.summary ORDER BY MAX(r.id) DESC"
    )
}

impl Store {
    /// The newest voucher that was sold since `since` (the database's clock) and was not tested yet.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn untested_voucher(&self, since: DateTime<Utc>) -> Result<Option<SoldVoucher>> {
        Ok(sql::rows(&self.db(), UNTESTED, [since.into()]).await?.pop())
    }

    /// Valid vouchers that FreeRADIUS rejected in the last day, or about which it gave no authentic
    /// answer, and that it has not accepted since; the newest first, 50 at most.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn doubtful_vouchers(&self, now: DateTime<Utc>) -> Result<Vec<SoldVoucher>> {
        let day = [(now - REJECTIONS_WITHIN).into(), now.into()];
        sql::rows(&self.db(), &doubtful(), day).await
    }

    /// Counts the vouchers that FreeRADIUS rejects: each by its last rejection.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn refusals(&self, now: DateTime<Utc>) -> Result<Refusals> {
        let since = now - REJECTIONS_WITHIN;
        let still = [since.into(), now.into()];
        let still: Option<i64> = sql::tuple(&self.db(), &still_refused(), still).await?;
        let lately = [since.into(), (now - LATELY).into()];
        let rows: Vec<(String, i64, i64)> = sql::tuples(&self.db(), &reasons(), lately).await?;
        let reasons = rows.into_iter().map(|(summary, in_an_hour, in_a_day)| {
            let reason = summary.strip_prefix(REJECTION).unwrap_or(&summary);
            RefusedFor {
                reason: reason.to_owned(),
                in_an_hour,
                in_a_day,
            }
        });
        Ok(Refusals {
            reasons: reasons.collect(),
            still: still.unwrap_or(0),
        })
    }

    /// Writes a user without a voucher, for a short test. Its rows contain when it expires, so a user
    /// that is left behind does no harm.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_test_user(&self, user: &RadiusUser) -> Result<()> {
        let mut rows = Rows::default();
        for check in &user.checks {
            rows.add(check_row(user, check));
        }
        self.insert(rows).await
    }

    /// Deletes such a user.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn remove_test_user(&self, user: &RadiusUser) -> Result<()> {
        let delete = "DELETE FROM radcheck WHERE username = $1";
        let deleted = self.execute(delete, [user.username.as_str().into()]);
        deleted.await.map(drop)
    }
}

/// Adds a user that does not exist yet.
pub fn provision(rows: &mut Rows, user: &RadiusUser) {
    for check in &user.checks {
        rows.add(check_row(user, check));
    }
    for reply in &user.replies {
        rows.add(radreply::ActiveModel {
            username: Set(user.username.clone()),
            attribute: Set(reply.name.to_owned()),
            op: Set(reply.op.to_owned()),
            value: Set(reply.value.clone()),
            ..Default::default()
        });
    }
    rows.add(radusergroup::ActiveModel {
        username: Set(user.username.clone()),
        groupname: Set(user.group.clone()),
        priority: Set(1),
        ..Default::default()
    });
}

/// What FreeRADIUS compares when the user logs in.
fn check_row(user: &RadiusUser, check: &Attribute) -> radcheck::ActiveModel {
    radcheck::ActiveModel {
        username: Set(user.username.clone()),
        attribute: Set(check.name.to_owned()),
        op: Set(check.op.to_owned()),
        value: Set(check.value.clone()),
        ..Default::default()
    }
}

/// Closes a code: its voucher is marked, FreeRADIUS no longer accepts it, and its sessions end. Neither
/// begins nor commits a transaction.
pub async fn revoke_code(
    txn: &DatabaseTransaction,
    code: &str,
    order_id: Option<OrderId>,
    at: DateTime<Utc>,
    why: &str,
) -> Result<()> {
    let revoke = "UPDATE vouchers SET revoked_at = $1, revoked_reason = $2 WHERE code = $3";
    sql::execute(txn, revoke, [at.into(), why.into(), code.into()]).await?;
    for delete in [
        "DELETE FROM radcheck WHERE username = $1",
        "DELETE FROM radreply WHERE username = $1",
        "DELETE FROM radusergroup WHERE username = $1",
    ] {
        sql::execute(txn, delete, [code.into()]).await?;
    }
    // No device can log in any more; open sessions are ended.
    queue_sessions(txn, code, order_id, why, at).await
}

/// Closes the codes of a batch that no guest has used, and returns how many there were. Unused codes have no
/// sessions; one that begins in this moment is ended by `Store::queue_ended`.
pub async fn revoke_unused(
    txn: &DatabaseTransaction,
    batch: i64,
    at: DateTime<Utc>,
    why: &str,
) -> Result<u64> {
    let revoke = format!(
        "UPDATE vouchers SET revoked_at = $1, revoked_reason = $2 \
         WHERE batch_id = $3 AND revoked_at IS NULL AND {IS_UNUSED}"
    );
    let revoked = sql::execute(txn, &revoke, [at.into(), why.into(), batch.into()]).await?;
    for table in ["radcheck", "radreply", "radusergroup"] {
        let delete = format!(
            "DELETE FROM {table} WHERE username IN \
             (SELECT code FROM vouchers WHERE batch_id = $1 AND revoked_at IS NOT NULL)"
        );
        sql::execute(txn, &delete, [batch.into()]).await?;
    }
    Ok(revoked)
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn refusals_are_found_by_the_index_of_their_alerts() {
        for database in FilledDatabase::both().await {
            for text in [doubtful(), still_refused(), reasons()] {
                let day = ["2026-03-01T21:00:00+00:00", "2026-03-02T21:00:00+00:00"]
                    .map(|at| at.parse::<DateTime<Utc>>().unwrap().into());
                let query = Statement::from_sql_and_values(database.backend(), text, day);

                let plan = database.plan(&query).await;

                assert!(plan.contains("order_events_alerts_at"), "{plan}");
                let wholes = match database.backend() {
                    DbBackend::Postgres => ["Seq Scan on order_events", "Seq Scan on vouchers"],
                    // No voucher in this database has a payment, so SQLite does not use that index.
                    _ => ["SCAN order_events", "SCAN p"],
                };
                for whole in wholes {
                    assert!(!plan.contains(whole), "{plan}");
                }
            }
        }
    }

    /// The query is FreeRADIUS's, the index a migration's; one expression has to be in both.
    #[tokio::test]
    async fn a_voucher_is_found_by_an_index_however_it_is_typed() {
        let shipped = include_str!("../../../deploy/freeradius/radiusd.conf");
        let line = |line: &'static str| line.strip_prefix("stripped_code = \"")?.strip_suffix('"');
        let stripped = shipped.lines().find_map(line).unwrap();
        for database in FilledDatabase::both().await {
            let text = format!("SELECT code FROM vouchers WHERE {stripped} = 'K7QMX2PA'");
            let query = Statement::from_string(database.backend(), text);

            let plan = database.plan(&query).await;

            assert!(plan.contains("vouchers_spelling"), "{plan}");
        }
    }
}
