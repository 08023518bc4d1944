//! How those outside behave, as far as the books tell: ZenoPay and the SMS provider.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{gateway_calls, sms_messages};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::store::{Store, StoreError};

/// One call without an answer is a slip; this many in a row are a silence.
const IN_A_ROW: usize = 3;
/// Calls that are looked at: a silence that is longer began before the oldest of them.
const LOOKED_AT: u64 = 50;
/// After this long without any call nobody knows.
const FRESH: TimeDelta = TimeDelta::minutes(15);

/// How those outside behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// ZenoPay has answered none of the last calls, and this was the first of those.
    pub gateway_silent_since: Option<DateTime<Utc>>,
    /// The oldest SMS that has failed and is still tried.
    pub sms_failing_since: Option<DateTime<Utc>>,
}

impl Store {
    /// How those outside behave.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn vitals(&self) -> Result<Vitals, StoreError> {
        let store = self.clone();
        self.read(async move {
            let calls = gateway_calls::Entity::find()
                .select_only()
                .columns([gateway_calls::Column::At, gateway_calls::Column::HttpStatus])
                .order_by_desc(gateway_calls::Column::Id)
                .limit(LOOKED_AT)
                .into_tuple::<(DateTime<Utc>, Option<i32>)>()
                .all(&store.inner.reader)
                .await?;
            let failing = sms_messages::Entity::find()
                .select_only()
                .column(sms_messages::Column::CreatedAt)
                .filter(sms_messages::Column::State.eq("failed"))
                .order_by_asc(sms_messages::Column::CreatedAt)
                .limit(1)
                .into_tuple::<DateTime<Utc>>()
                .one(&store.inner.reader)
                .await?;
            Ok(Vitals {
                gateway_silent_since: silent_since(&calls, store.clock().now()),
                sms_failing_since: failing,
            })
        })
        .await
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

#[cfg(test)]
mod tests {
    use super::*;

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
