//! Ends sessions whose voucher has ended.
//!
//! [`sweep`] queues a Disconnect-Request for each of them, and closes sessions that are silent.
//! [`Disconnects`] sends the requests: claimed by a lease, sent with no transaction open. The router's
//! answer is a line in the order's timeline. A router behind NAT cannot be reached; `Session-Timeout`
//! then limits how long a guest whose voucher has ended stays online.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::access::COA_PORT;
use crate::domain::order::{Level, Remark};
use crate::domain::pacing::doubled;
use crate::domain::people::Secret;
use crate::jobs::every;
use crate::radius::client::{self, Disconnected};
use crate::store::{FailedAttempt, QueuedDisconnect, REFUSED, Store, StoreError};

/// The pause between two reads of the outbox.
const TICK: Duration = Duration::from_millis(500);
/// How long a claim lasts; a request to a silent router times out within five seconds, and all
/// requests of a round are sent at once.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Sessions per round.
const BATCH: u64 = 16;
/// After this many attempts, about one hour, the router is taken to be unreachable.
const ATTEMPTS: i32 = 12;
/// The first pause after a failure; it doubles up to `LONGEST_PAUSE`.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// The loop that sends Disconnect-Requests.
#[derive(Clone)]
pub struct Disconnects {
    /// The database.
    pub store: Store,
    /// For routers that have no row in `nas`.
    pub coa_secret: Option<Secret>,
}

impl Disconnects {
    /// Runs until stopped; requests under way are finished first.
    pub async fn run(self, stop: CancellationToken) {
        every(TICK, stop, "disconnects", || self.run_once()).await;
    }

    /// One round; returns how many sessions were due. A silent router delays no other.
    ///
    /// # Errors
    /// If the outbox cannot be read. A result that is not written is repeated after the lease.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.store.clock().now();
        let due = self
            .store
            .claim_disconnects(now..now + LEASE, BATCH)
            .await?;
        let claimed = due.len();
        let mut sends = JoinSet::new();
        for queued in due {
            let disconnects = self.clone();
            sends.spawn(async move {
                if let Err(error) = disconnects.end(&queued).await {
                    warn!(disconnect = queued.id, %error, "disconnects: a result was not written");
                }
            });
        }
        while let Some(ended) = sends.join_next().await {
            if let Err(panic) = ended {
                error!(%panic, "disconnects: a request panicked; it comes back when its lease ends");
            }
        }
        Ok(claimed)
    }

    async fn end(&self, queued: &QueuedDisconnect) -> Result<(), StoreError> {
        let answer = self.send(queued).await;
        let now = self.store.clock().now();
        let (attempt, remark) = match answer {
            Ok(answer) => {
                let (result, remark) = result_of(answer);
                (Ok(result), Some(remark))
            }
            Err(error) => {
                let is_last = queued.attempts + 1 >= ATTEMPTS;
                let pause = doubled(FIRST_PAUSE, queued.attempts, LONGEST_PAUSE);
                let again_at = (!is_last).then(|| now + pause);
                let given_up = is_last.then(|| {
                    error!(disconnect = queued.id, failure = %error, "a session could not be ended");
                    let text = format!("the session could not be ended: {error}");
                    Remark::new(Level::Alert, "disconnect_failed", text)
                });
                (Err(FailedAttempt { error, again_at }), given_up)
            }
        };
        let store = &self.store;
        store.record_disconnect(queued, attempt, remark, now).await
    }

    async fn send(&self, queued: &QueuedDisconnect) -> Result<Disconnected, String> {
        let secret = queued.secret.as_ref().or(self.coa_secret.as_ref());
        let Some(secret) = secret else {
            return Err(
                "the router has no row in `nas`, and radius.coa_secret is not set".to_owned(),
            );
        };
        let port = queued.coa_port.filter(|port| *port > 0);
        let router = SocketAddr::new(queued.address, port.unwrap_or(COA_PORT));
        client::disconnect(router, secret, &queued.session)
            .await
            .map_err(|error| error.to_string())
    }
}

/// A router's answer in a word, and as a line of the order's timeline.
fn result_of(answer: Disconnected) -> (&'static str, Remark) {
    let ended = |text| Remark::new(Level::Note, "disconnected", text);
    match answer {
        Disconnected::Acknowledged => ("acknowledged", ended("the router has ended the session")),
        Disconnected::WasGone => ("was_gone", ended("the router has no such session any more")),
        Disconnected::Refused(cause) => {
            let cause = cause.map_or_else(|| "none".to_owned(), |cause| cause.to_string());
            let text = format!("the router refuses to end the session; Error-Cause: {cause}");
            let alert = Remark::new(Level::Alert, "disconnect_refused", text);
            (REFUSED, alert)
        }
    }
}

/// The pause between two sweeps.
const SWEEP_TICK: Duration = Duration::from_secs(3);
/// Vouchers per sweep.
const SWEEP_BATCH: u64 = 100;

/// Closes silent sessions, and queues Disconnect-Requests for those whose voucher has ended and
/// for devices over a voucher's limit, until stopped. Keeps no state, so several processes may run it.
pub async fn sweep(store: Store, stop: CancellationToken) {
    every(SWEEP_TICK, stop, "sweep", || sweep_once(&store)).await;
}

async fn sweep_once(store: &Store) -> Result<(), StoreError> {
    let now = store.clock().now();
    let silent = store.close_silent_sessions(now).await?;
    let ended = store.queue_ended(now, SWEEP_BATCH).await?;
    let surplus = store.queue_surplus(now).await?;
    if silent > 0 || ended > 0 || surplus > 0 {
        info!(silent, ended, surplus, "sessions swept");
    }
    Ok(())
}
