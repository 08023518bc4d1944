//! Carries outbox messages out: claimed by a lease, sent with no transaction open, then
//! acknowledged. At least once, with a reference that stays the same.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::metrics::Metrics;
use crate::sms::Carrier;
use crate::store::{QueuedSms, Store, StoreError};

pub mod disconnects;
pub mod proofs;
pub mod sweep;

/// How often the outbox is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a claimed message is ours; longer than any provider takes.
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// Messages a round.
const BATCH: u64 = 32;
/// After so many attempts a person must look.
const ATTEMPTS: i32 = 10;
/// The first pause after a failure; it doubles up to `LONGEST_PAUSE`.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// The loop.
#[derive(Clone)]
pub struct Relay {
    store: Store,
    carrier: Carrier,
    metrics: Arc<Metrics>,
}

impl Relay {
    /// Carries by `carrier`.
    pub fn new(store: Store, carrier: Carrier, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            carrier,
            metrics,
        }
    }

    /// Goes on until stopped; a message that is being sent is finished first.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            if let Err(error) = self.run_once().await {
                warn!(%error, "relay: the outbox cannot be read; trying again");
                sleep(TICK).await;
            }
        }
    }

    /// One round; says how many messages were due.
    ///
    /// # Errors
    /// If the outbox cannot be read or written; the lease brings the messages back.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.store.now().await?;
        let due = self.store.claim_sms(now, LEASE, BATCH).await?;
        for sms in &due {
            self.send(sms).await?;
        }
        Ok(due.len())
    }

    async fn send(&self, sms: &QueuedSms) -> Result<(), StoreError> {
        let sent = self
            .carrier
            .send(&sms.phone, &sms.text, &sms.reference)
            .await;
        let now = self.store.now().await?;
        match sent {
            Ok(()) => {
                self.metrics.sms_sent.inc();
                self.store.sms_sent(sms, self.carrier.name(), now).await
            }
            Err(error) => {
                self.metrics.sms_failed.inc();
                warn!(sms = sms.id, %error, "relay: an SMS was not taken");
                let again_at = (sms.attempts + 1 < ATTEMPTS).then(|| now + pause(sms.attempts));
                self.store
                    .sms_failed(sms, error.to_string(), again_at)
                    .await
            }
        }
    }
}

fn pause(attempts_before: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts_before).unwrap_or(0).min(16);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}
