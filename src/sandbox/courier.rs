//! The loop of the simulation: makes the decisions of subscribers that are due, and sends the
//! webhooks to the shop.
//!
//! # Invariants
//! Webhooks are sent at least once, several at the same moment and in no particular order, up to
//! three times until one is answered 200, as ZenoPay's sister products do. A webhook is claimed
//! before it is sent, and one whose answer is not recorded is sent again when its lease ends.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::CONTENT_TYPE;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{AT_ONCE, Sandbox, subscriber};
use crate::gateways::zenopay::client::KEY_HEADER;
use crate::http_client;
use crate::store::{NEVER_DUE, SandboxWebhook, StoreError};

/// How often the loop reads the database while something is open, and while nothing is.
const TICK: Duration = Duration::from_millis(200);
const IDLE_TICK: Duration = Duration::from_secs(1);
/// Longer than the time-out of a webhook (10 s) and the recording of its answer.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// The pauses after the first and after the second failed try; after the third it is given up.
const BACK_OFF: [TimeDelta; 2] = [TimeDelta::seconds(1), TimeDelta::seconds(3)];
/// How long the last webhooks may take when the loop ends.
const LAST_WEBHOOKS: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Sandbox {
    /// Runs until `stop`; then the webhooks that are under way have a moment to end.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        while !stop.is_cancelled() {
            let pause = self
                .handle_due(&mut under_way)
                .await
                .unwrap_or_else(|error| {
                    warn!(%error, "the simulated ZenoPay cannot reach the database");
                    IDLE_TICK
                });
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.planned.notified() => {}
                () = sleep(pause) => {}
                Some(_) = under_way.join_next() => {}
            }
        }
        self.stopped.cancel();
        // Webhooks that are cut off here are sent again after the next start.
        let ends = async { while under_way.join_next().await.is_some() {} };
        let _ = timeout(LAST_WEBHOOKS, ends).await;
    }

    /// Reads the database once, makes the decisions and sends the webhooks that are due. Returns the
    /// time until the next read.
    async fn handle_due(&self, under_way: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        while under_way.try_join_next().is_some() {}
        let (now, next) = self.store.sandbox_clock().await?;
        let Some(next) = next else {
            return Ok(IDLE_TICK);
        };
        if next > now {
            return Ok((next - now).to_std().unwrap_or(TICK).min(TICK));
        }
        let due = self.store.sandbox_due(now, AT_ONCE as u64).await?;
        let decided = due
            .into_iter()
            .map(|payment| subscriber::answer(payment, now))
            .collect();
        let mut done = self.store.sandbox_decide(decided).await?;

        let free = AT_ONCE.saturating_sub(under_way.len()) as u64;
        if free > 0 {
            let webhooks = self.store.sandbox_claim_webhooks(now..now + LEASE, free);
            for webhook in webhooks.await? {
                under_way.spawn(self.clone().send(webhook));
                done += 1;
            }
        }
        // If nothing was done although something is due, another process has claimed it, or the limit
        // of webhooks under way is reached.
        Ok(if done > 0 { Duration::ZERO } else { TICK })
    }

    /// Sends a webhook once and records its answer, as soon as the database can.
    async fn send(self, webhook: SandboxWebhook) {
        let mut post = self
            .http
            .post(&webhook.url)
            .header(CONTENT_TYPE, &webhook.content_type)
            .body(webhook.body.clone());
        if webhook.with_key {
            post = post.header(KEY_HEADER, self.key.expose());
        }
        let answer = http_client::call(post, ANSWER_BYTES_MAX).await.ok();
        let http_status = answer.map(|answer| answer.status);
        let tried = after(webhook, http_status, self.store.clock().now());
        while let Err(error) = self.store.sandbox_tried(&tried).await {
            warn!(%error, "the answer to a simulated webhook is not recorded; trying again");
            sleep(IDLE_TICK).await;
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
        let tries = usize::try_from(webhook.attempts).unwrap_or_default();
        let pause = BACK_OFF.get(tries);
        webhook.due_at = pause.map_or(NEVER_DUE, |pause| now + *pause);
    }
    webhook.http_status = http_status.map(i32::from);
    webhook.attempts += 1;
    webhook
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_sent_three_times_at_most_and_later_each_time() {
        let first = after(due(), Some(503), noon());
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
        let delivered = after(due(), Some(200), noon());
        assert_eq!(
            (delivered.delivered_at, delivered.due_at),
            (Some(noon()), noon())
        );
        assert_eq!(after(due(), Some(202), noon()).delivered_at, None);
    }

    fn noon() -> DateTime<Utc> {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn due() -> SandboxWebhook {
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
