//! Early checks: a guest who polls an order that has been open for long is a reason to check the
//! order's status before the schedule does. Limited per order and in total, because a client can poll
//! as often as it likes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::domain::order::{OrderId, Payment};
use crate::domain::pacing::TokenBucket;

/// Younger orders need no early check: the schedule checks them soon.
const AGE_MIN: TimeDelta = TimeDelta::seconds(20);
/// Older orders get no early check: no guest waits for them any more.
const AGE_MAX: TimeDelta = TimeDelta::days(2);
/// The shortest time between two early checks of one order.
const PER_ORDER: Duration = Duration::from_secs(15);
/// Early checks that wait; more are dropped, because the guest will poll again.
const BACKLOG: usize = 64;

pub(super) struct EarlyChecks {
    recent: Mutex<Recent>,
    sender: mpsc::Sender<OrderId>,
    receiver: AsyncMutex<mpsc::Receiver<OrderId>>,
}

struct Recent {
    bucket: TokenBucket,
    admitted_at: HashMap<OrderId, Instant>,
}

impl EarlyChecks {
    /// Early checks use at most half of `asks_per_sec`.
    pub(super) fn new(asks_per_sec: u32, now: Instant) -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        Self {
            recent: Mutex::new(Recent {
                bucket: TokenBucket::new(f64::from(asks_per_sec) / 2.0, now),
                admitted_at: HashMap::new(),
            }),
            sender,
            receiver: AsyncMutex::new(receiver),
        }
    }

    /// A guest has polled the order, which is of this age. Requests an early check if it is unpaid,
    /// neither too young nor too old, and within the limits.
    pub(super) fn offer(&self, payment: &Payment, age: TimeDelta, now: Instant) {
        if payment.awaits_money()
            && (AGE_MIN..AGE_MAX).contains(&age)
            && self.admits(payment.order_id, now)
        {
            // Fails when too many wait; then there is no early check.
            let _ = self.sender.try_send(payment.order_id);
        }
    }

    /// The next order to be checked.
    pub(super) async fn next(&self) -> OrderId {
        let mut receiver = self.receiver.lock().await;
        receiver.recv().await.expect("the sender is ours")
    }

    fn admits(&self, order_id: OrderId, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // A full scan is cheap: the bucket admits few.
        let is_recent = |at: Instant| now.saturating_duration_since(at) < PER_ORDER;
        recent.admitted_at.retain(|_, at| is_recent(*at));
        let is_new = !recent.admitted_at.contains_key(&order_id);
        let admitted = is_new && recent.bucket.take_up_to(1, now) == 1;
        if admitted {
            recent.admitted_at.insert(order_id, now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn order(number: u128) -> OrderId {
        OrderId(Uuid::from_u128(number))
    }

    #[test]
    fn early_checks_are_limited_per_order_and_in_total() {
        let now = Instant::now();
        let early_checks = EarlyChecks::new(4, now);

        assert!(early_checks.admits(order(1), now));
        assert!(!early_checks.admits(order(1), now + Duration::from_secs(14)));
        assert!(early_checks.admits(order(1), now + Duration::from_secs(16)));

        let later = now + Duration::from_secs(60);
        let admitted = (2..1_000).filter(|number| early_checks.admits(order(*number), later));
        assert_eq!(admitted.count(), 2);
    }
}
