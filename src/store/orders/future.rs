//! Rows that lie in the future, because the clock was ahead when they were written, and what was scheduled
//! by that clock.
//!
//! # Invariants
//! No guest waits for the moment at which such a row becomes the present.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::catalog::admission::CLOCK_SKEW;
use crate::domain::pacing::{check_schedule, outbox};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{NEVER_DUE, Store};

/// The clocks of two processes differ by less.
pub const AHEAD: TimeDelta = CLOCK_SKEW;
/// Rows that are further ahead are reported.
const REPORTED: TimeDelta = TimeDelta::minutes(1);
/// After the clock was put back, rows of the last day may have been scheduled by the wrong one.
const SUSPECT: TimeDelta = TimeDelta::days(1);
/// How much later than its longest pause something may be due that the right clock has scheduled.
const MARGIN: TimeDelta = TimeDelta::seconds(10);

/// The newest times, each by its index.
const NEWEST: &str = "SELECT (SELECT MAX(created_at) FROM payments), \
     (SELECT MAX(received_at) FROM webhook_deliveries)";
const CHECKS: &str = "UPDATE payments SET due_at = $1 WHERE id IN (\
         SELECT id FROM payments WHERE due_at > $2 \
         UNION SELECT id FROM payments WHERE created_at > $3 AND status <> 'COMPLETED') \
     AND due_at > $4";
const DEADLINES: &str = "UPDATE payments SET deadline_at = $1 \
     WHERE status IN ('PENDING', 'HELD') AND status = 'PENDING' \
     AND created_at > $2 AND deadline_at > $1";
const SANDBOX_DECISIONS: &str = "UPDATE sandbox_payments SET decide_at = $1 \
     WHERE created_at > $2 AND decide_at > $1 AND decide_at < $3";
const SANDBOX_WEBHOOKS: &str = "UPDATE sandbox_webhooks SET due_at = $1 \
     WHERE delivered_at IS NULL AND due_at > $1 AND due_at < $3 \
     AND order_id IN (SELECT order_id FROM sandbox_payments WHERE created_at > $2)";

impl Store {
    /// By how much the newest order or webhook lies in the future; `None` if none does by more than a
    /// minute.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn rows_ahead(&self) -> Result<Option<TimeDelta>> {
        type Newest = Option<DateTime<Utc>>;
        let newest: Option<(Newest, Newest)> = sql::tuple(&self.db(), NEWEST, []).await?;
        let (order, webhook) = newest.unwrap_or_default();
        let ahead = order.max(webhook).map(|at| at - self.clock().now());
        Ok(ahead.filter(|ahead| *ahead > REPORTED))
    }

    /// Makes due now what a clock that was ahead has scheduled: status checks, deadlines, messages, and
    /// the simulated subscriber. Returns the number of rows. If the clock `went_back` just now, that is
    /// true of all that the orders of the last day wait for.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn bring_forward(&self, expire_after: TimeDelta, went_back: bool) -> Result<u64> {
        let now = self.clock().now();
        let suspect = if went_back {
            now - SUSPECT
        } else {
            now + AHEAD
        };
        let messages = |outbox: &str| {
            format!(
                "UPDATE {outbox} SET due_at = $1 WHERE state IN ('queued', 'failed') \
                 AND due_at > $2 AND (due_at > $3 OR created_at > $4)"
            )
        };
        let mut moved = 0;
        for outbox in ["sms_messages", "outbox_messages"] {
            let [lease, pause] = [outbox::LEASE, outbox::LONGEST_PAUSE].map(|it| now + it + MARGIN);
            let values = [now, lease, pause, suspect];
            let values = values.map(Into::into);
            moved += self.execute(messages(outbox), values).await?;
        }
        let [longest, first] = [check_schedule::latest(), check_schedule::latest_first()];
        let values = [now, now + longest + MARGIN, suspect, now + first + MARGIN];
        moved += self.execute(CHECKS, values.map(Into::into)).await?;
        let values = [now + expire_after, now + AHEAD];
        moved += self.execute(DEADLINES, values.map(Into::into)).await?;
        for sandbox in [SANDBOX_DECISIONS, SANDBOX_WEBHOOKS] {
            let values = [now, suspect, NEVER_DUE].map(Into::into);
            moved += self.execute(sandbox, values).await?;
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn rows_of_the_future_are_found_by_index() {
        let far = DateTime::UNIX_EPOCH + TimeDelta::days(40_000);
        for database in FilledDatabase::both().await {
            let checks = Statement::from_sql_and_values(
                database.backend(),
                CHECKS,
                [far.into(), far.into(), far.into(), far.into()],
            );
            let newest = Statement::from_string(database.backend(), NEWEST);
            for query in [checks, newest] {
                let plan = database.plan(&query).await;

                let scan = match database.backend() {
                    DbBackend::Postgres => "Seq Scan",
                    _ => "SCAN payments",
                };
                assert!(!plan.contains(scan), "{plan}");
            }
        }
    }
}
