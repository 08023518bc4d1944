//! The loop of the simulation: has subscribers decide when their time has come, and carries
//! the webhooks to the shop.
//!
//! Webhooks are sent at least once, several at the same moment and in no particular order,
//! up to three times until one is answered 200, as ZenoPay's sister products do. The rule
//! that must not be broken: a webhook is claimed before it is sent, and a loop that dies
//! loses no webhook: its lease ends, and it is sent again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::CONTENT_TYPE;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::subscriber::{self, Numbers};
use super::{AT_ONCE, Sandbox};
use crate::gateways::zenopay::client::KEY_HEADER;
use crate::http_client::{self, read_body};
use crate::store::{NEVER_DUE, SandboxWebhook, StoreError};

/// How often the loop looks by itself while something is open, and while nothing is.
const TICK: Duration = Duration::from_millis(200);
const IDLE_TICK: Duration = Duration::from_secs(1);
/// How long an answer to a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the time-out and what it takes to keep the answer.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// Between the first try and the second, the second and the third; then it is given up.
const BACK_OFF: [TimeDelta; 2] = [TimeDelta::seconds(1), TimeDelta::seconds(3)];
/// How long the last webhooks may take when the loop ends.
const LAST_WEBHOOKS: Duration = Duration::from_secs(2);
/// Shorter than the patience of common servers for an idle connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// What is read of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Webhooks that are under way, and those whose answers are still to be kept.
#[derive(Default)]
struct Bag {
    under_way: JoinSet<Tried>,
    tried: Vec<Tried>,
}

/// A webhook and the status of its answer; `None` when there was no answer.
type Tried = (SandboxWebhook, Option<u16>);

impl Bag {
    async fn wait(&mut self) {
        while let Some(joined) = self.under_way.join_next().await {
            // A task that panicked has no answer; its lease ends.
            self.tried.extend(joined.ok());
        }
    }
}

impl Sandbox {
    /// Decides what is due and sends what is due, to the end. Returns how many decisions and
    /// webhooks that were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let mut bag = Bag::default();
        let (now, _) = self.store.sandbox_clock().await?;
        let done = self.decide_due(now).await? + self.send_due(now, &mut bag).await?;
        bag.wait().await;
        self.keep(&mut bag).await?;
        Ok(done)
    }

    /// Goes on until `stop`; the webhooks that are then under way are given a moment.
    pub async fn run(self, stop: CancellationToken) {
        let mut bag = Bag::default();
        while !stop.is_cancelled() {
            let pause = self.look(&mut bag).await.unwrap_or_else(|cause| {
                warn!(%cause, "the simulated ZenoPay cannot reach its books");
                IDLE_TICK
            });
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.planned.notified() => {}
                () = sleep(pause) => {}
                Some(joined) = bag.under_way.join_next() => bag.tried.extend(joined.ok()),
            }
        }
        self.stopped.cancel();
        self.finish(bag).await;
    }

    /// One look at the database: keeps the answers that have come, and does what is due.
    /// Returns how long there is nothing to do.
    async fn look(&self, bag: &mut Bag) -> Result<Duration, StoreError> {
        self.keep(bag).await?;
        let (now, next) = self.store.sandbox_clock().await?;
        let Some(next) = next else {
            return Ok(IDLE_TICK);
        };
        if next > now {
            return Ok((next - now).to_std().unwrap_or(TICK).min(TICK));
        }

        let done = self.decide_due(now).await? + self.send_due(now, bag).await?;
        // Nothing done although something is due: another process has it, or all hands are
        // full.
        Ok(if done > 0 { Duration::ZERO } else { TICK })
    }

    async fn decide_due(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let due = self.store.sandbox_due(now, AT_ONCE as u64).await?;
        let decided = due
            .into_iter()
            .map(|payment| subscriber::decide(payment, Numbers::draw(), now))
            .collect();
        self.store.sandbox_decide(decided).await
    }

    async fn send_due(&self, now: DateTime<Utc>, bag: &mut Bag) -> Result<usize, StoreError> {
        let free = AT_ONCE.saturating_sub(bag.under_way.len());
        if free == 0 {
            return Ok(0);
        }
        let claimed = self
            .store
            .sandbox_claim_webhooks(now, LEASE, free as u64)
            .await?;
        let count = claimed.len();
        for webhook in claimed {
            let sandbox = self.clone();
            bag.under_way.spawn(async move {
                let http_status = sandbox.send(&webhook).await;
                (webhook, http_status)
            });
        }
        Ok(count)
    }

    async fn send(&self, webhook: &SandboxWebhook) -> Option<u16> {
        let mut post = self
            .http
            .post(&webhook.url)
            .header(CONTENT_TYPE, &webhook.content_type)
            .body(webhook.body.clone());
        if webhook.with_key {
            post = post.header(KEY_HEADER, self.key_header.clone());
        }
        let answer = post.send().await.ok()?;
        let http_status = answer.status().as_u16();
        // Read to its end, so that its connection can serve again.
        let _ = read_body(answer, ANSWER_BYTES_MAX).await;
        Some(http_status)
    }

    /// Keeps the answers that have come. Those that cannot be kept now stay in the bag.
    async fn keep(&self, bag: &mut Bag) -> Result<(), StoreError> {
        while let Some(joined) = bag.under_way.try_join_next() {
            bag.tried.extend(joined.ok());
        }
        if bag.tried.is_empty() {
            return Ok(());
        }
        let now = self.store.clock().now();
        let after = |(webhook, http_status): &Tried| after(webhook.clone(), *http_status, now);
        self.store
            .sandbox_tried(bag.tried.iter().map(after).collect())
            .await?;
        bag.tried.clear();
        Ok(())
    }

    async fn finish(&self, mut bag: Bag) {
        // What is cut off here is sent again after the next start.
        let _ = timeout(LAST_WEBHOOKS, bag.wait()).await;
        if let Err(cause) = self.keep(&mut bag).await {
            warn!(%cause, "the answers to the last simulated webhooks are not kept");
        }
    }
}

/// A webhook after a try that was answered `http_status` at `now`.
fn after(
    mut webhook: SandboxWebhook,
    http_status: Option<u16>,
    now: DateTime<Utc>,
) -> SandboxWebhook {
    if http_status == Some(200) {
        webhook.delivered_at = Some(now);
    } else {
        let pause = usize::try_from(webhook.attempts)
            .ok()
            .and_then(|tries| BACK_OFF.get(tries));
        webhook.due_at = pause.map_or(NEVER_DUE, |pause| now + *pause);
    }
    webhook.http_status = http_status.map(i32::from);
    webhook.attempts += 1;
    webhook
}

/// The client of the webhooks.
pub(super) fn build_http() -> Result<reqwest::Client, reqwest::Error> {
    let build = |scheme| {
        http_client::builder(scheme)
            .user_agent("ZenoPay-sandbox")
            .timeout(TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .build()
    };
    // Where the system has no CA certificates, plain http must work all the same.
    build("https").or_else(|_| build("http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_sent_three_times_at_most_and_later_each_time() {
        let first = after(fresh(), Some(503), noon());
        assert_eq!(
            (first.attempts, first.due_at),
            (1, noon() + TimeDelta::seconds(1))
        );
        assert_eq!((first.delivered_at, first.http_status), (None, Some(503)));

        let second = after(first, None, noon());
        assert_eq!(
            (second.attempts, second.due_at),
            (2, noon() + TimeDelta::seconds(3))
        );
        assert_eq!(second.http_status, None);

        let third = after(second, Some(404), noon());
        assert_eq!((third.attempts, third.due_at), (3, NEVER_DUE));
    }

    #[test]
    fn only_200_is_delivered() {
        let delivered = after(fresh(), Some(200), noon());
        assert_eq!(
            (delivered.delivered_at, delivered.due_at),
            (Some(noon()), noon())
        );
        assert_eq!(after(fresh(), Some(202), noon()).delivered_at, None);
    }

    fn noon() -> DateTime<Utc> {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn fresh() -> SandboxWebhook {
        SandboxWebhook {
            id: 1,
            order_id: "677e43274d7cb".to_owned(),
            url: "http://127.0.0.1:8080/hook".to_owned(),
            body: "{}".to_owned(),
            content_type: "application/json".to_owned(),
            with_key: true,
            due_at: noon(),
            attempts: 0,
            delivered_at: None,
            http_status: None,
        }
    }
}
