//! Sends the SMS of the outbox: claimed by a lease, sent with no transaction open, then
//! acknowledged. At least once, with a reference that stays the same.
//!
//! A message that fails is tried again after a pause that grows and has a random part, so that a
//! crowd of them does not come back together; after `sms.attempts_max` attempts it is dead and waits
//! for an operator. One whose answer is not understood counts as sent, and the order's timeline has
//! an alert. While a provider accepts nothing, the circuit is open, and only the probes count as
//! attempts.

use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::order::{Level, Remark};
use crate::domain::pacing::outbox::{LEASE, LONGEST_PAUSE};
use crate::domain::pacing::{Circuit, CircuitChange, Flow, doubled};
use crate::domain::people::Phone;
use crate::observability::metrics::Metrics;
use crate::sms::{Accepted, Carrier, Message, SmsError};
use crate::store::{Attempt, ClaimedSms, FailedAttempt, SentSms, Store, StoreError};
use crate::timekeeper::Timekeeper;

pub mod disconnects;
pub mod proofs;
mod receipts;

/// The pause between two reads of the outbox.
const TICK: Duration = Duration::from_millis(500);
/// Messages under way at once. No more are claimed than can be sent, so that no lease ends
/// while its message waits behind others.
const AT_ONCE: u64 = 8;
/// The first pause after a failure; it doubles up to `LONGEST_PAUSE`.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// How long after a message was accepted its receipt is asked for; most arrive within seconds.
const FIRST_LOOK: TimeDelta = TimeDelta::seconds(30);
/// Failures in a row after which the provider is taken to be down.
const FAILURES_MAX: u32 = 5;

/// What a relay needs.
pub struct RelayContext {
    /// The database.
    pub store: Store,
    /// The SMS provider.
    pub carrier: Carrier,
    /// After this many attempts an operator must act.
    pub attempts_max: u32,
    /// The clock of all pauses.
    pub timekeeper: Timekeeper,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// The loops. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    context: Arc<RelayContext>,
    circuit: Arc<Mutex<Circuit>>,
}

impl Relay {
    /// A relay with a closed circuit.
    pub fn new(context: RelayContext) -> Self {
        let circuit = Circuit::new(FAILURES_MAX);
        Self {
            context: Arc::new(context),
            circuit: Arc::new(Mutex::new(circuit)),
        }
    }

    /// Sends until stopped; messages that are being sent are finished first.
    pub async fn send_until(self, stop: CancellationToken) {
        let mut pause = TICK;
        while stop.run_until_cancelled(sleep(pause)).await.is_some() {
            pause = match self.run_once().await {
                // There may be more.
                Ok(sent) if sent as u64 == AT_ONCE => Duration::ZERO,
                Ok(_) => TICK,
                Err(error) => {
                    warn!(%error, "relay: the outbox cannot be read or written; trying again");
                    TICK * 2
                }
            };
        }
    }

    /// One round; returns how many messages were claimed.
    ///
    /// # Errors
    /// If the outbox cannot be read or written; the lease brings the messages back.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let RelayContext { store, carrier, .. } = &*self.context;
        let flow = self.circuit().flow(self.context.timekeeper.now());
        let limit = match flow {
            Flow::Free if carrier.is_ready() => AT_ONCE,
            Flow::Probe if carrier.is_ready() => 1,
            Flow::Free | Flow::Probe | Flow::Stopped => return Ok(0),
        };
        let now = store.clock().now();
        let due = store.claim_sms(now..now + LEASE, limit).await?;
        if flow == Flow::Probe && !due.is_empty() {
            self.circuit().probing(self.context.timekeeper.now());
        }
        let claimed = due.len();
        // As tasks, so that each goes on while the results of others are recorded.
        let mut sends = JoinSet::new();
        for sms in due {
            let relay = self.clone();
            sends.spawn(async move { relay.send(sms).await });
        }
        let mut recorded = Ok(());
        while let Some(ended) = sends.join_next().await {
            let more = iter::from_fn(|| sends.try_join_next());
            let attempts = iter::once(ended).chain(more).filter_map(attempt).collect();
            recorded = recorded.and(store.record_attempts(attempts).await);
        }
        recorded.map(|()| claimed)
    }

    async fn send(&self, sms: ClaimedSms) -> (ClaimedSms, Attempt) {
        let RelayContext { store, carrier, .. } = &*self.context;
        let message = Message {
            phone: &Phone::from_stored(sms.phone.clone()),
            text: &sms.body,
            reference: &sms.reference,
        };
        let sent = carrier.send(message).await;
        self.learn_from(&sent);
        let now = store.clock().now();
        let attempt = match sent {
            Ok(taken) => {
                self.context.metrics.sms_sent.inc();
                if let Some(why) = &taken.unclear {
                    self.context.metrics.sms_unclear.inc();
                    let sms = sms.id;
                    warn!(
                        sms,
                        why, "relay: an SMS counts as sent, but the provider's answer was unclear"
                    );
                }
                Ok(self.acknowledgement(taken, now))
            }
            Err(error) => {
                self.context.metrics.sms_failed.inc();
                let attempts = u32::try_from(sms.attempts).unwrap_or(0) + 1;
                let gives_up = match error {
                    SmsError::Never(_) => true,
                    SmsError::Later(_) => attempts >= self.context.attempts_max,
                };
                if gives_up {
                    error!(sms = sms.id, %error, "relay: failed to send an SMS; no more attempts");
                } else {
                    warn!(sms = sms.id, %error, "relay: failed to send an SMS; trying again");
                }
                Err(FailedAttempt {
                    error: error.to_string(),
                    again_at: (!gives_up).then(|| now + pause(attempts, rand::random())),
                })
            }
        };
        (sms, attempt)
    }

    fn acknowledgement(&self, taken: Accepted, at: DateTime<Utc>) -> SentSms {
        let has_receipt = self.context.carrier.gives_receipts() && taken.message_id.is_some();
        SentSms {
            provider: self.context.carrier.name(),
            message_id: taken.message_id,
            parts: taken.parts.and_then(|parts| i32::try_from(parts).ok()),
            receipt_due_at: has_receipt.then(|| at + FIRST_LOOK),
            alert: taken.unclear.map(|why| {
                let text = format!(
                    "the SMS counts as sent, which is not certain, and is not sent again: {why}"
                );
                Remark::new(Level::Alert, "sms_unclear", text)
            }),
            at,
        }
    }

    /// Notes whether the provider answers; a refusal of one phone shows that it does.
    fn learn_from(&self, sent: &Result<Accepted, SmsError>) {
        let mut circuit = self.circuit();
        let turn = match sent {
            Ok(_) | Err(SmsError::Never(_)) => circuit.succeeded(),
            Err(SmsError::Later(_)) => circuit.failed(self.context.timekeeper.now()),
        };
        self.context
            .metrics
            .sms_circuit
            .set(circuit.is_open().into());
        drop(circuit);
        match turn {
            None => {}
            Some(CircuitChange::Opened { pause }) => error!(
                pause_secs = pause.as_secs(),
                "the SMS provider accepts nothing; the relay pauses"
            ),
            Some(CircuitChange::Closed) => info!("the SMS provider accepts messages again"),
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a task that has sent an SMS.
fn attempt(ended: Result<(ClaimedSms, Attempt), JoinError>) -> Option<(ClaimedSms, Attempt)> {
    if let Err(panic) = &ended {
        error!(%panic, "relay: sending an SMS panicked; it comes back when its lease ends");
    }
    ended.ok()
}

/// The pause after this many attempts: doubled each time, then scaled by `dice` (0 to 1) to between
/// half and all of it.
fn pause(attempts: u32, dice: f64) -> TimeDelta {
    let doublings = i32::try_from(attempts).unwrap_or(i32::MAX) - 1;
    let whole = doubled(FIRST_PAUSE, doublings, LONGEST_PAUSE);
    let millis = whole.num_milliseconds() as f64 * (0.5 + dice / 2.0);
    TimeDelta::milliseconds(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_differ() {
        for (attempts, whole) in [
            (1, 10),
            (2, 20),
            (5, 160),
            (9, 2_560),
            (10, 3_600),
            (99, 3_600),
        ] {
            let whole = TimeDelta::seconds(whole);
            assert_eq!(pause(attempts, 0.0), whole / 2, "{attempts}");
            assert_eq!(pause(attempts, 1.0), whole, "{attempts}");
            assert!(pause(attempts, 0.25) < pause(attempts, 0.75));
        }
    }
}
