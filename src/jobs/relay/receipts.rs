//! Receipts of SMS, from providers that must be polled for them. An accepted message is not a
//! delivered one; only a receipt is recorded as delivered.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{AT_ONCE, Relay, RelayContext};
use crate::domain::pacing::outbox::LEASE;
use crate::jobs::every;
use crate::sms::Receipt;
use crate::store::{Arrival, ClaimedSms, StoreError};

/// The shortest and the longest pause between two looks for one receipt.
const SHORTEST: TimeDelta = TimeDelta::seconds(60);
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// Networks drop a message after two days at the latest.
const GIVE_UP: TimeDelta = TimeDelta::days(2);
/// The pause between two rounds.
const TICK: Duration = Duration::from_secs(2);

impl Relay {
    /// Whether the provider gives receipts.
    pub fn awaits_receipts(&self) -> bool {
        self.context.carrier.gives_receipts()
    }

    /// Asks for receipts until stopped.
    pub async fn read_receipts(self, stop: CancellationToken) {
        every(TICK, stop, "receipts", || self.read_receipts_once()).await;
    }

    /// One round; returns how many receipts were asked for.
    ///
    /// # Errors
    /// If the outbox cannot be read or written; the lease brings the messages back.
    pub async fn read_receipts_once(&self) -> Result<usize, StoreError> {
        let RelayContext { store, carrier, .. } = &*self.context;
        let now = store.clock().now();
        let due = store.claim_receipts(carrier.name(), now..now + LEASE, AT_ONCE);
        let due = due.await?;
        let ends = join_all(due.iter().map(|awaited| self.read_receipt(awaited))).await;
        ends.into_iter().collect::<Result<(), StoreError>>()?;
        Ok(due.len())
    }

    async fn read_receipt(&self, awaited: &ClaimedSms) -> Result<(), StoreError> {
        let RelayContext { store, carrier, .. } = &*self.context;
        // Only messages that the provider has named are claimed.
        let message_id = awaited.provider_message_id.as_deref().unwrap_or_default();
        let sent_at = awaited.sent_at.unwrap_or(awaited.created_at);
        let receipt = carrier.receipt(message_id).await;
        let now = store.clock().now();
        let arrival = match receipt {
            Ok(Receipt::Delivered) => Arrival::Delivered,
            Ok(Receipt::Undelivered(word)) => {
                warn!(sms = awaited.id, word, "relay: an SMS did not arrive");
                Arrival::Undelivered(word)
            }
            Ok(Receipt::Underway) => Arrival::Unknown(next_look(sent_at, now)),
            Err(error) => {
                warn!(sms = awaited.id, %error, "relay: a receipt could not be read");
                Arrival::Unknown(next_look(sent_at, now))
            }
        };
        store.record_receipt(awaited, arrival, now).await
    }
}

/// The next look: the older the message, the later; `None` when no receipt is expected any more.
fn next_look(sent_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let age = now - sent_at;
    (age < GIVE_UP).then(|| now + (age / 2).clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::relay::FIRST_LOOK;

    #[test]
    fn looks_grow_rarer_and_end_after_two_days() {
        let sent = DateTime::UNIX_EPOCH;
        let (mut at, mut looks) = (sent + FIRST_LOOK, 1);

        while let Some(next) = next_look(sent, at) {
            assert!((SHORTEST..=LONGEST).contains(&(next - at)));
            (at, looks) = (next, looks + 1);
        }

        assert!(at - sent >= GIVE_UP);
        assert!((10..40).contains(&looks), "{looks} looks");
    }
}
