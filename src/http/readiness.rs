//! Whether the database can be used, read once a second for all callers: anybody may ask, and a reading takes
//! a connection of those that sell.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::timeout;

use crate::store::{NotWritable, Store};

/// A database that takes longer than this to answer is not ready.
const PING_WITHIN: Duration = Duration::from_secs(2);
/// How long a reading answers for the database.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// A reading without an end after this long was left by all its callers.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub writable: Result<(), NotWritable>,
    /// By how much rows lie in the future.
    pub ahead: Option<TimeDelta>,
}

impl Reading {
    async fn of(store: Store) -> Self {
        let writable = timeout(PING_WITHIN, store.writable()).await;
        let writable = writable.unwrap_or(Err(NotWritable::Silent));
        let ahead = match writable {
            Ok(()) => timeout(PING_WITHIN, store.rows_ahead()).await.ok(),
            Err(_) => None,
        };
        let ahead = ahead.and_then(Result::ok).flatten();
        Self { writable, ahead }
    }
}

/// A reading, and when it began.
type Begun = (Instant, Shared<BoxFuture<'static, Reading>>);

/// The last reading. Clones share it.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Option<Begun>>>);

impl Readiness {
    /// What the database says now, or said within the last second.
    pub(super) async fn of(&self, store: &Store) -> Reading {
        let store = store.clone();
        self.join(Instant::now(), || Reading::of(store).boxed())
            .await
    }

    /// The reading that is under way or fresh, else a new one.
    fn join(
        &self,
        now: Instant,
        read: impl FnOnce() -> BoxFuture<'static, Reading>,
    ) -> Shared<BoxFuture<'static, Reading>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = last.as_ref().filter(|(began, reading)| {
            let limit = match reading.peek() {
                Some(_) => FRESH_FOR,
                None => ENDS_WITHIN,
            };
            now.saturating_duration_since(*began) < limit
        });
        if let Some((_, reading)) = shared {
            return reading.clone();
        }
        let reading = read().shared();
        *last = Some((now, reading.clone()));
        reading
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const READY: Reading = Reading {
        writable: Ok(()),
        ahead: None,
    };

    #[actix_web::test]
    async fn one_reading_answers_all_callers_of_a_second() {
        let (readiness, now) = (Readiness::default(), Instant::now());
        let at = |millis| now + Duration::from_millis(millis);
        let full = Reading {
            writable: Err(NotWritable::Full),
            ahead: None,
        };
        let unread = || unreachable!("a second reading");

        assert_eq!(readiness.join(now, || ready(READY).boxed()).await, READY);
        assert_eq!(readiness.join(at(999), unread).await, READY);
        let later = readiness.join(at(1_000), || ready(full).boxed());
        assert_eq!(later.await, full);
    }

    #[test]
    fn a_reading_that_its_callers_have_left_is_joined_and_in_the_end_replaced() {
        let (readiness, now) = (Readiness::default(), Instant::now());
        drop(readiness.join(now, || pending().boxed()));

        drop(readiness.join(now + Duration::from_secs(4), || {
            unreachable!("a second reading")
        }));
        let next = readiness.join(now + ENDS_WITHIN, || ready(READY).boxed());

        assert_eq!(next.now_or_never(), Some(READY));
    }
}
