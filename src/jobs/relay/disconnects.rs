//! Ends sessions whose voucher has ended.
//!
//! [`sweep`] queues a Disconnect-Request for each of them, and closes sessions that are silent.
//! [`Disconnects`] sends the requests: claimed by a lease, sent with no transaction open, to each router by
//! a task of its own. The router's
//! answer is a line in the order's timeline. A router behind NAT cannot be reached; `Session-Timeout`
//! then limits how long a guest whose voucher has ended stays online.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::access::COA_PORT;
use crate::domain::order::{Level, Remark};
use crate::domain::pacing::doubled;
use crate::domain::people::Secret;
use crate::jobs::every;
use crate::radius::client::{self, Disconnected};
use crate::store::{
    FailedAttempt, QueuedDisconnect, REFUSED, Repetition, Share, Store, StoreError,
};

/// The pause between two reads of the outbox.
const TICK: Duration = Duration::from_millis(500);
/// Routers that are asked at the same time.
const ROUTERS: usize = 8;
/// Requests to one router at the same time.
const AT_ONCE: usize = 2;
/// Sessions of a router that are claimed together.
const BATCH: usize = 16;
/// How long a claim lasts; a request to a silent router times out within five seconds.
const LEASE: TimeDelta = TimeDelta::seconds(60);
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

/// Requests under way: a task for each router.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    routers: HashMap<task::Id, String>,
}

impl UnderWay {
    fn forget(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(panic) => {
                error!(%panic, "disconnects: a request panicked; it comes back when its lease ends");
                panic.id()
            }
        };
        self.routers.remove(&id);
    }
}

impl Disconnects {
    /// Runs until stopped; requests under way are finished first.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = UnderWay::default();
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            if let Err(error) = self.run_once(&mut under_way).await {
                warn!(%error, job = "disconnects", "the database cannot be read or written; trying again");
                stop.run_until_cancelled(sleep(TICK)).await;
            }
        }
        while let Some(ended) = under_way.tasks.join_next_with_id().await {
            under_way.forget(ended);
        }
    }

    /// Starts the requests that are due, and waits for none: a silent router delays no other.
    async fn run_once(&self, under_way: &mut UnderWay) -> Result<(), StoreError> {
        while let Some(ended) = under_way.tasks.try_join_next_with_id() {
            under_way.forget(ended);
        }
        let busy: Vec<String> = under_way.routers.values().cloned().collect();
        let share = Share {
            sessions: BATCH,
            routers: ROUTERS.saturating_sub(busy.len()),
            busy: &busy,
        };
        if share.routers == 0 {
            return Ok(());
        }
        let now = self.store.clock().now();
        let due = self.store.claim_disconnects(now..now + LEASE, share);
        for (router, sessions) in due.await? {
            let task = self.clone().end_all(sessions);
            let task = under_way.tasks.spawn(task);
            under_way.routers.insert(task.id(), router);
        }
        Ok(())
    }

    /// Ends sessions of one router, a few at once. Once it has not answered, the others count as tried.
    async fn end_all(self, sessions: Vec<QueuedDisconnect>) {
        let mut silent: HashMap<SocketAddr, String> = HashMap::new();
        for few in sessions.chunks(AT_ONCE) {
            let sent = few.iter().map(|queued| async {
                match silent.get(&address_of(queued)) {
                    Some(error) => Err(error.clone()),
                    None => self.send(queued).await,
                }
            });
            let answers = join_all(sent).await;
            for (queued, answer) in few.iter().zip(answers) {
                if let Err(error) = &answer {
                    silent.insert(address_of(queued), error.clone());
                }
                if let Err(error) = self.record(queued, answer).await {
                    warn!(disconnect = queued.id, %error, "disconnects: a result was not written");
                }
            }
        }
    }

    async fn record(
        &self,
        queued: &QueuedDisconnect,
        answer: Result<Disconnected, String>,
    ) -> Result<(), StoreError> {
        let now = self.store.clock().now();
        let (attempt, remark) = match answer {
            Ok(answer) => {
                let (result, remark) = result_of(answer, queued.repetition);
                (Ok(result), remark)
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
        client::disconnect(address_of(queued), secret, &queued.session)
            .await
            .map_err(|error| error.to_string())
    }
}

/// Where a session's router listens.
fn address_of(queued: &QueuedDisconnect) -> SocketAddr {
    let port = queued.coa_port.filter(|port| *port > 0);
    SocketAddr::new(queued.address, port.unwrap_or(COA_PORT))
}

/// A router's answer in a word, and as a line of the order's timeline. A session that goes on in spite of such
/// answers is shown once more, as an alert.
fn result_of(answer: Disconnected, repetition: Repetition) -> (&'static str, Option<Remark>) {
    let (result, said) = match answer {
        Disconnected::Acknowledged => ("acknowledged", "the router has ended the session"),
        Disconnected::WasGone => ("was_gone", "the router has no such session any more"),
        Disconnected::Refused(cause) => {
            let cause = cause.map_or_else(|| "none".to_owned(), |cause| cause.to_string());
            let text = format!("the router refuses to end the session; Error-Cause: {cause}");
            let alert = Remark::new(Level::Alert, "disconnect_refused", text);
            return (REFUSED, Some(alert));
        }
    };
    let remark = match repetition {
        Repetition::No => Some(Remark::new(Level::Note, "disconnected", said)),
        Repetition::Once | Repetition::Often => None,
        Repetition::Twice => {
            error!("a session goes on although its router says that it is over");
            let text = format!(
                "{said}, it says for the third time, and the session is reported again each time: \
                 another router behind its address may answer for it"
            );
            Some(Remark::new(Level::Alert, "session_goes_on", text))
        }
    };
    (result, remark)
}

/// The pause between two sweeps.
const SWEEP_TICK: Duration = Duration::from_secs(3);
/// Sessions per sweep.
const SWEEP_BATCH: u64 = 500;

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
