//! Has routers end sessions: claimed by a lease, asked with no transaction open. What a router
//! answers is a line in the order's timeline.
//!
//! A router behind NAT cannot be reached; `Session-Timeout` then bounds how long a guest
//! whose voucher is over stays on-line.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::domain::access::COA_PORT;
use crate::domain::order::{Level, Remark};
use crate::domain::people::Secret;
use crate::radius::client::{self, Disconnected};
use crate::store::{DisconnectAttempt, QueuedDisconnect, Store, StoreError};

/// How often the outbox is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a claimed session is ours; a router that says nothing is given up within five
/// seconds, and all of a round are asked at once.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Sessions a round.
const BATCH: u64 = 16;
/// After so many attempts, a good hour, the router is taken to be out of reach.
const ATTEMPTS: i32 = 12;
/// The first pause after a failure; it doubles up to `LONGEST_PAUSE`.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// The loop.
#[derive(Clone)]
pub struct Disconnects {
    store: Store,
    /// For routers that have no row of their own.
    coa_secret: Option<Secret>,
}

impl Disconnects {
    /// Asks routers that have no row in `nas` by `coa_secret`.
    pub fn new(store: Store, coa_secret: Option<Secret>) -> Self {
        Self { store, coa_secret }
    }

    /// Goes on until stopped; what is being asked is finished first.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            if let Err(error) = self.run_once().await {
                warn!(%error, "disconnects: the outbox cannot be read; trying again");
                sleep(TICK).await;
            }
        }
    }

    /// One round; says how many sessions were due. One router that says nothing holds up no
    /// other.
    ///
    /// # Errors
    /// If the outbox cannot be read; the lease brings back what could not be written.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.store.clock().now();
        let due = self.store.claim_disconnects(now, LEASE, BATCH).await?;
        let claimed = due.len();
        let mut asks = JoinSet::new();
        for queued in due {
            let disconnects = self.clone();
            asks.spawn(async move {
                if let Err(error) = disconnects.end(&queued).await {
                    warn!(disconnect = queued.id, %error, "disconnects: a result was not written");
                }
            });
        }
        while let Some(ended) = asks.join_next().await {
            if let Err(panic) = ended {
                error!(%panic, "disconnects: one panicked; its lease brings it back");
            }
        }
        Ok(claimed)
    }

    async fn end(&self, queued: &QueuedDisconnect) -> Result<(), StoreError> {
        let answer = self.ask(queued).await;
        let now = self.store.clock().now();
        let (attempt, remark) = match answer {
            Ok(answer) => {
                let (result, remark) = told(answer);
                (DisconnectAttempt::Answered(result), Some(remark))
            }
            Err(error) => {
                let is_last = queued.attempts + 1 >= ATTEMPTS;
                let again_at = (!is_last).then(|| now + pause(queued.attempts));
                let given_up = is_last.then(|| {
                    error!(disconnect = queued.id, failure = %error, "a session could not be ended");
                    let text = format!("the session could not be ended: {error}");
                    Remark::new(Level::Alert, "disconnect_failed", text)
                });
                (DisconnectAttempt::Failed { error, again_at }, given_up)
            }
        };
        let recorded = self.store.record_disconnect(queued, attempt, remark, now);
        recorded.await
    }

    async fn ask(&self, queued: &QueuedDisconnect) -> Result<Disconnected, String> {
        let secret = queued.secret.as_ref().or(self.coa_secret.as_ref());
        let Some(secret) = secret else {
            return Err(
                "the router has no row in `nas`, and radius.coa_secret is not set".to_owned(),
            );
        };
        let port = queued.coa_port.filter(|port| *port > 0);
        let router = SocketAddr::new(queued.session.router, port.unwrap_or(COA_PORT));
        client::disconnect(router, secret, &queued.session)
            .await
            .map_err(|error| error.to_string())
    }
}

/// A router's answer in a word, and as a line of the order's timeline.
fn told(answer: Disconnected) -> (&'static str, Remark) {
    let ended = |text| Remark::new(Level::Note, "disconnected", text);
    match answer {
        Disconnected::Acknowledged => ("acknowledged", ended("the router has ended the session")),
        Disconnected::WasGone => ("was_gone", ended("the router has no such session any more")),
        Disconnected::Refused(cause) => {
            let cause = cause.map_or_else(|| "none".to_owned(), |cause| cause.to_string());
            let text = format!("the router refuses to end the session; Error-Cause: {cause}");
            (
                "refused",
                Remark::new(Level::Alert, "disconnect_refused", text),
            )
        }
    }
}

fn pause(attempts_before: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts_before).unwrap_or(0).min(16);
    (FIRST_PAUSE * 2_i32.pow(doublings)).min(LONGEST_PAUSE)
}
