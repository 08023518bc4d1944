//! Counts for gauges, cheap on a large table because they read only what is open, and how ZenoPay and
//! the SMS provider behave, as far as the database tells.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, sms_messages};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, Select};

use crate::domain::order::payment::Status;
use crate::domain::outbox_hold::OutboxHold;
use crate::store::engine::sql;
use crate::store::radius::proofs::Refusals;
use crate::store::{Store, StoreError, rows};

/// One call without an answer is a slip; this many in a row are a silence.
const IN_A_ROW: usize = 3;
/// Calls that are looked at: a silence that is longer began before the oldest of them.
const LOOKED_AT: u64 = 50;
/// After this long without any call it is not known.
const FRESH: TimeDelta = TimeDelta::minutes(15);

/// What is open now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {
    /// Orders that wait for money.
    pub pending: u64,
    /// Orders that wait for an operator.
    pub held: u64,
    /// SMS that wait to be sent for the first time.
    pub sms_queued: u64,
    /// SMS that wait to be sent again.
    pub sms_failed: u64,
    /// SMS that were given up.
    pub sms_dead: u64,
    /// When the oldest of the unsent SMS was written.
    pub oldest_unsent_at: Option<DateTime<Utc>>,
    /// What is held back after a restored backup.
    pub outbox_hold: Option<OutboxHold>,
    /// Sold vouchers that FreeRADIUS refuses.
    pub refusals: Refusals,
}

/// How those outside behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DependencyHealth {
    /// ZenoPay has answered none of the last calls, and this was the first of those.
    pub gateway_silent_since: Option<DateTime<Utc>>,
    /// The oldest SMS that has failed and is still tried.
    pub sms_failing_since: Option<DateTime<Utc>>,
}

impl Store {
    /// Counts what is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let db = &self.db();
        let oldest = "SELECT MIN(created_at) FROM sms_messages WHERE state IN ('queued', 'failed')";
        let oldest: Option<Option<DateTime<Utc>>> = sql::tuple(db, oldest, []).await?;
        Ok(Overview {
            outbox_hold: self.outbox_hold().await?,
            pending: open_payments(Status::Pending).count(db).await?,
            held: open_payments(Status::Held).count(db).await?,
            sms_queued: messages("queued").count(db).await?,
            sms_failed: messages("failed").count(db).await?,
            sms_dead: messages("dead").count(db).await?,
            oldest_unsent_at: oldest.flatten(),
            refusals: self.refusals(self.clock().now()).await?,
        })
    }

    /// How those outside behave.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn vitals(&self) -> Result<DependencyHealth, StoreError> {
        let db = &self.db();
        let calls = "SELECT at, http_status FROM gateway_calls ORDER BY id DESC LIMIT $1";
        let calls = sql::tuples(db, calls, [LOOKED_AT.into()]).await?;
        let failing = "SELECT MIN(created_at) FROM sms_messages WHERE state = 'failed'";
        let failing: Option<Option<_>> = sql::tuple(db, failing, []).await?;
        Ok(DependencyHealth {
            gateway_silent_since: silent_since(&calls, self.clock().now()),
            sms_failing_since: failing.flatten(),
        })
    }
}

/// Since when there is no answer, by the calls, newest first. An error of their server is no
/// answer either.
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

fn open_payments(status: Status) -> Select<payments::Entity> {
    payments::Entity::find()
        .filter(rows::is_open())
        .filter(payments::Column::Status.eq(status.as_str()))
}

fn messages(state: &str) -> Select<sms_messages::Entity> {
    sms_messages::Entity::find().filter(sms_messages::Column::State.eq(state))
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::store::engine::tests::plans::Books;

    #[tokio::test]
    async fn what_is_open_is_counted_by_an_index_of_what_is_open() {
        for books in Books::both().await {
            for status in [Status::Pending, Status::Held] {
                let plan = books
                    .plan(&open_payments(status).build(books.backend()))
                    .await;
                assert!(plan.contains("payments_open"), "{plan}");
            }
            for state in ["queued", "failed", "dead"] {
                let plan = books.plan(&messages(state).build(books.backend())).await;
                assert!(plan.contains("sms_messages_due"), "{plan}");
            }
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
