//! Counts for gauges, cheap on a large table because they read only what is open, and the health of
//! ZenoPay and the SMS provider, as far as the database shows it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::access::UnaccountedRouter;
use crate::domain::outbox_hold::OutboxHold;
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::radius::users::Refusals;

/// What is open, by the indexes `payments_open`, whose predicate is here to the letter, and
/// `sms_messages_due`.
const OPEN: &str = "SELECT \
     (SELECT COUNT(*) FROM payments WHERE status IN ('PENDING', 'HELD') AND status = 'PENDING'), \
     (SELECT COUNT(*) FROM payments WHERE status IN ('PENDING', 'HELD') AND status = 'HELD'), \
     (SELECT COUNT(*) FROM sms_messages WHERE state = 'queued'), \
     (SELECT COUNT(*) FROM sms_messages WHERE state = 'failed'), \
     (SELECT COUNT(*) FROM sms_messages WHERE state = 'dead'), \
     (SELECT MIN(created_at) FROM sms_messages WHERE state IN ('queued', 'failed'))";

/// ZenoPay is silent after this many calls in a row without an answer.
const IN_A_ROW: usize = 3;
/// Calls that are read: a longer silence began before the oldest of them.
const CALLS: u64 = 50;
/// After this long without any call, nothing is known.
const FRESH: TimeDelta = TimeDelta::minutes(15);

/// What is open now.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// Orders that wait for money.
    pub pending: u64,
    /// Orders that wait for an operator.
    pub held: u64,
    /// SMS that wait to be sent for the first time.
    pub sms_queued: u64,
    /// SMS that wait to be sent again.
    pub sms_failed: u64,
    /// SMS that are dead.
    pub sms_dead: u64,
    /// When the oldest of the unsent SMS was written.
    pub oldest_unsent_at: Option<DateTime<Utc>>,
    /// What waits after a restored backup.
    pub outbox_hold: Option<OutboxHold>,
    /// Sold vouchers that FreeRADIUS refuses.
    pub refusals: Refusals,
    /// Routers that let codes in and report no session.
    pub unaccounted_routers: Vec<UnaccountedRouter>,
    /// In live mode: there are payments that a sandbox has simulated.
    pub has_simulated: bool,
}

/// The health of ZenoPay and of the SMS provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DependencyHealth {
    /// The time of the first call without an answer, if no call since was answered, there were at
    /// least three, and the last was less than 15 minutes ago.
    pub gateway_silent_since: Option<DateTime<Utc>>,
    /// When the oldest SMS that has failed and is still tried was written.
    pub sms_failing_since: Option<DateTime<Utc>>,
}

impl Store {
    /// Counts what is open.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn overview(&self) -> Result<Overview> {
        let now = self.clock().now();
        let found: Option<(i64, i64, i64, i64, i64, _)> = sql::tuple(&self.db(), OPEN, []).await?;
        let (pending, held, queued, failed, dead, oldest_unsent_at) = found.unwrap_or_default();
        Ok(Overview {
            pending: pending.unsigned_abs(),
            held: held.unsigned_abs(),
            sms_queued: queued.unsigned_abs(),
            sms_failed: failed.unsigned_abs(),
            sms_dead: dead.unsigned_abs(),
            oldest_unsent_at,
            outbox_hold: self.outbox_hold().await?,
            refusals: self.refusals(now).await?,
            unaccounted_routers: self.unaccounted_routers(now).await?,
            has_simulated: self.simulated_in_live().await?,
        })
    }

    /// The health of ZenoPay and of the SMS provider.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn dependency_health(&self) -> Result<DependencyHealth> {
        let db = &self.db();
        let calls = "SELECT at, http_status FROM gateway_calls ORDER BY id DESC LIMIT $1";
        let calls = sql::tuples(db, calls, [CALLS.into()]).await?;
        let failing = "SELECT MIN(created_at) FROM sms_messages WHERE state = 'failed'";
        let failing: Option<Option<_>> = sql::tuple(db, failing, []).await?;
        Ok(DependencyHealth {
            gateway_silent_since: silent_since(&calls, self.clock().now()),
            sms_failing_since: failing.flatten(),
        })
    }
}

/// The time of the first call of those that had no answer; `calls` are newest first. An error of
/// ZenoPay's server counts as no answer.
fn silent_since(
    calls: &[(DateTime<Utc>, Option<i32>)],
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let is_silence = |status: &Option<i32>| status.is_none_or(|status| status >= 500);
    let silence: Vec<_> = calls
        .iter()
        .take_while(|(_, status)| is_silence(status))
        .collect();
    let (newest, _) = silence.first()?;
    let (first, _) = silence.last()?;
    (silence.len() >= IN_A_ROW && now - *newest < FRESH).then_some(*first)
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn open_orders_and_messages_are_counted_by_index() {
        for database in FilledDatabase::both().await {
            let plan = database
                .plan(&Statement::from_string(database.backend(), OPEN))
                .await;

            assert_eq!(plan.matches("payments_open").count(), 2, "{plan}");
            let scan = match database.backend() {
                DbBackend::Postgres => {
                    // A scan of several states by a bitmap names the index once more.
                    assert!(plan.matches("sms_messages_due").count() >= 4, "{plan}");
                    "Seq Scan"
                }
                _ => {
                    assert_eq!(plan.matches("sms_messages_due").count(), 4, "{plan}");
                    "SCAN sms_messages"
                }
            };
            assert!(!plan.contains(scan), "{plan}");
        }
    }

    fn since(minutes_ago_and_status: &[(i64, Option<i32>)]) -> Option<i64> {
        let now = Utc::now();
        let calls: Vec<_> = minutes_ago_and_status
            .iter()
            .map(|(minutes, status)| (now - TimeDelta::minutes(*minutes), *status))
            .collect();
        silent_since(&calls, now).map(|at| (now - at).num_minutes())
    }

    #[test]
    fn three_calls_in_a_row_without_an_answer_are_a_silence() {
        assert_eq!(since(&[]), None);
        assert_eq!(since(&[(1, None), (2, None), (3, Some(200))]), None);
        assert_eq!(
            since(&[(1, None), (2, Some(502)), (3, None), (4, Some(200))]),
            Some(3)
        );
        assert_eq!(
            since(&[(1, Some(404)), (2, None), (3, None), (4, None)]),
            None
        );
        assert_eq!(since(&[(20, None), (21, None), (22, None)]), None);
    }
}
