//! Counts what is open from time to time, so that a scrape costs no query.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::access::RefusalReason;
use crate::domain::order::Status;
use crate::observability::metrics::Metrics;
use crate::store::{Overview, Store, StoreError};

/// Well within the fifteen seconds that the contract promises.
const INTERVAL: Duration = Duration::from_secs(5);

/// Runs until stopped.
pub(super) async fn refresh(
    (store, metrics, sender): (Store, Arc<Metrics>, Arc<watch::Sender<Overview>>),
    stop: CancellationToken,
) {
    loop {
        if let Err(error) = look_at_disk(&store, &metrics).await {
            warn!(%error, "the database's disk or log is not as it should be");
        }
        match store.overview().await {
            Ok(overview) => {
                let now = store.clock().now();
                set(&metrics, &overview, now);
                sender.send_replace(overview);
                if let Ok(Some(made_at)) = store.newest_backup().await {
                    metrics.backup_age.set((now - made_at).as_seconds_f64());
                }
            }
            Err(error) => warn!(%error, "open orders and messages cannot be counted"),
        }
        if stop.run_until_cancelled(sleep(INTERVAL)).await.is_none() {
            return;
        }
    }
}

/// Whether writes find room again, and the size of SQLite's log.
async fn look_at_disk(store: &Store, metrics: &Metrics) -> Result<(), StoreError> {
    store.look_for_room().await?;
    store.shorten_log().await?;
    if let Some(bytes) = store.log_bytes() {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        metrics.database_wal.set(bytes);
    }
    Ok(())
}

fn set(metrics: &Metrics, overview: &Overview, now: DateTime<Utc>) {
    let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let payments = |status: Status| metrics.payments.with_label_values(&[status.as_str()]);
    let outbox = |state: &str| metrics.outbox.with_label_values(&[state]);
    payments(Status::Pending).set(gauge(overview.pending));
    payments(Status::Held).set(gauge(overview.held));
    outbox("queued").set(gauge(overview.sms_queued));
    outbox("failed").set(gauge(overview.sms_failed));
    outbox("dead").set(gauge(overview.sms_dead));
    let age = overview.oldest_unsent_at.map(|at| (now - at).num_seconds());
    metrics
        .outbox_held
        .set(overview.outbox_hold.is_some().into());
    metrics.simulated.set(overview.has_simulated.into());
    let radius = &metrics.radius;
    radius.refused.set(overview.refusals.still);
    let reasons = overview.refusals.reasons.iter();
    let reasons = reasons.map(|row| {
        let reason = RefusalReason::of(&row.reason);
        (reason, row.in_an_hour, row.in_a_day)
    });
    radius.set_refused_lately(reasons);
    let routers = overview.unaccounted_routers.iter();
    radius.set_unaccounted(routers.map(|router| (router.label(), gauge(router.vouchers))));
    metrics.outbox_oldest.set(age.unwrap_or(0).max(0));
}
