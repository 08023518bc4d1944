//! Which sold voucher is tried at FreeRADIUS next, and which are refused.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;

use crate::domain::access::RadiusUser;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::radius::users;
use crate::store::{Store, StoreError};

/// FreeRADIUS lets the voucher in.
pub const TESTED: &str = "tested";
/// FreeRADIUS does not let it in.
pub const NOT_LET_IN: &str = "not_let_in";
/// No answer that can be believed came.
pub const NOT_TESTED: &str = "not_tested";

/// Refusals that are older have been told by the guests.
const A_DAY: TimeDelta = TimeDelta::days(1);

/// A sold voucher, and the order that it is of.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SoldVoucher {
    /// The order.
    pub order_id: OrderId,
    /// The code.
    pub code: VoucherCode,
    /// What the timeline says of its last try: one of the words above, if there was one.
    pub last_try: Option<String>,
}

/// What FreeRADIUS did with the vouchers that were sold in the last day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Refusals {
    /// Vouchers that it has refused.
    pub in_a_day: i64,
    /// Vouchers among them that it has not let in since, and that still run.
    pub still: i64,
}

/// The newest voucher that was just sold and of which the timeline says nothing yet. Only the
/// last few rows: a shop that sells faster is tested by samples.
const UNTRIED: &str = "SELECT v.code AS code, p.order_id AS order_id, CAST(NULL AS text) AS last_try FROM vouchers v \
     JOIN payments p ON p.id = v.payment_id \
     WHERE v.id > (SELECT COALESCE(MAX(id), 0) - 20 FROM vouchers) \
     AND v.issued_at >= $1 AND v.revoked_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM order_events e \
         WHERE e.order_id = p.order_id AND e.kind IN ('tested', 'not_let_in', 'not_tested')) \
     ORDER BY v.id DESC LIMIT 1";

/// Alerts of the last day, found by their own index before anything else; `$1` is a day ago.
const ALERTS: &str = "WITH alerts AS MATERIALIZED (SELECT id, order_id, kind, at FROM order_events \
     WHERE level = 'alert' AND at >= $1 AND kind IN ('not_let_in', 'not_tested'))";

/// Those of them whose order was not tried since, and whose voucher still runs; `$2` is now.
/// `CROSS JOIN`, because SQLite then joins in this order and does not begin at all vouchers.
const NOT_IN_YET: &str = "FROM alerts e CROSS JOIN payments p CROSS JOIN vouchers v \
     WHERE p.order_id = e.order_id AND v.payment_id = p.id \
     AND v.revoked_at IS NULL AND (v.expires_at IS NULL OR v.expires_at > $2) \
     AND NOT EXISTS (SELECT 1 FROM order_events t WHERE t.order_id = e.order_id \
         AND t.id > e.id AND t.kind IN ('tested', 'not_let_in', 'not_tested'))";

fn doubtful() -> String {
    format!(
        "{ALERTS} SELECT v.code AS code, e.order_id AS order_id, e.kind AS last_try {NOT_IN_YET} \
         ORDER BY e.id DESC LIMIT 50"
    )
}

fn refusals() -> String {
    format!(
        "{ALERTS} SELECT (SELECT COUNT(DISTINCT r.order_id) FROM alerts r \
         WHERE r.kind = 'not_let_in') AS in_a_day, \
         (SELECT COUNT(*) {NOT_IN_YET} AND e.kind = 'not_let_in') AS still"
    )
}

impl Store {
    /// The newest voucher that was sold in the last `fresh` before `now` (the database's
    /// clock) and was not tried yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn untried_voucher(
        &self,
        now: DateTime<Utc>,
        fresh: TimeDelta,
    ) -> Result<Option<SoldVoucher>, StoreError> {
        sql::row(&self.db(), UNTRIED, [(now - fresh).into()]).await
    }

    /// Vouchers of the last day that FreeRADIUS has not let in so far and that still run, the
    /// newest first, 50 at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn doubtful_vouchers(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<SoldVoucher>, StoreError> {
        let day = [(now - A_DAY).into(), now.into()];
        sql::rows(&self.db(), &doubtful(), day).await
    }

    /// Counts the vouchers that FreeRADIUS refuses.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn refusals(&self, now: DateTime<Utc>) -> Result<Refusals, StoreError> {
        let day = [(now - A_DAY).into(), now.into()];
        let found = sql::row(&self.db(), &refusals(), day).await?;
        Ok(found.unwrap_or_default())
    }

    /// Writes a user that FreeRADIUS is to let in for a moment, beside all vouchers. Its rows
    /// hold the end of it, so that one that is left behind does no harm.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_passing_user(&self, user: &RadiusUser) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        for check in &user.checks {
            rows.add(users::check_row(user, check));
        }
        self.insert(rows).await
    }

    /// Takes a passing user away.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn remove_passing_user(&self, user: &RadiusUser) -> Result<(), StoreError> {
        let delete = "DELETE FROM radcheck WHERE username = $1";
        let deleted = self.execute(delete, [user.username.as_str().into()]);
        deleted.await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::*;
    use crate::store::engine::tests::plans::Books;

    #[tokio::test]
    async fn refusals_are_found_by_the_index_of_their_alerts() {
        for books in Books::both().await {
            for text in [doubtful(), refusals()] {
                let day = ["2026-03-01T21:00:00+00:00", "2026-03-02T21:00:00+00:00"]
                    .map(|at| at.parse::<DateTime<Utc>>().unwrap().into());
                let query = Statement::from_sql_and_values(books.backend(), text, day);

                let plan = books.plan(&query).await;

                assert!(plan.contains("order_events_alerts_at"), "{plan}");
                let wholes = match books.backend() {
                    DbBackend::Postgres => ["Seq Scan on order_events", "Seq Scan on vouchers"],
                    // No voucher of these books has a payment, so SQLite takes that index for useless.
                    _ => ["SCAN order_events", "SCAN p"],
                };
                for whole in wholes {
                    assert!(!plan.contains(whole), "{plan}");
                }
            }
        }
    }
}
