//! Watches the clock by which sales are stored: compares it with ZenoPay's in live mode, and brings
//! forward what rows of the future would make guests wait for.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::gateways::zenopay::client::Client;
use crate::store::{ClockDoubt, Store, StoreError};

/// Between two looks at the clock that is known.
const TICK: Duration = Duration::from_secs(1);
/// Between two calls that only ask for ZenoPay's time; other calls tell it too.
const ASK_EACH: Duration = Duration::from_secs(300);
/// The same while the clock is in doubt.
const ASK_IN_DOUBT_EACH: Duration = Duration::from_secs(5);
/// The interval of the search for rows with a future time. It is half of the shortest `Retry-After`.
const SEARCH_EACH: Duration = Duration::from_secs(30);

/// What the watch needs.
#[derive(Clone)]
pub struct ClockWatch {
    /// The database.
    pub store: Store,
    /// ZenoPay, in live mode.
    pub gateway: Option<Client>,
    /// How long an order may stay PENDING.
    pub expire_after: TimeDelta,
}

impl ClockWatch {
    /// Asks ZenoPay for its time, if there is one to compare with.
    pub async fn ask(&self) {
        if let Some(gateway) = &self.gateway {
            self.store.clock().heed_gateway();
            let answer = gateway.time().await;
            if answer.http_status.is_some() {
                self.store.clock().gateway_answered(answer.date);
            }
        }
    }

    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (mut known, mut asked, mut searched) = (None, Instant::now(), Instant::now());
        // A message that was being sent when the clock was put back is not sent again.
        let mut went_back = false;
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            let doubt = self.store.clock().doubt();
            log_turn(known, doubt);
            known = doubt;
            let pause = doubt.map_or(ASK_EACH, |_| ASK_IN_DOUBT_EACH);
            if asked.elapsed() >= pause {
                self.ask().await;
                asked = Instant::now();
            }
            if searched.elapsed() >= SEARCH_EACH {
                if let Err(error) = self.run_once(went_back).await {
                    warn!(%error, "rows of the future cannot be searched for");
                }
                went_back = self.store.clock().went_back();
                searched = Instant::now();
            }
        }
    }

    /// Brings forward what was scheduled by a clock that was ahead. Returns the number of rows. After
    /// the clock `went_back`, rows that look right may be such rows too. A clock in doubt changes nothing.
    ///
    /// # Errors
    /// If the database cannot be read or written; the next round does the rest.
    pub async fn run_once(&self, went_back: bool) -> Result<u64, StoreError> {
        if self.store.clock().doubt().is_some() {
            return Ok(0);
        }
        let moved = self
            .store
            .bring_forward(self.expire_after, went_back)
            .await?;
        if moved > 0 {
            warn!(
                rows = moved,
                "the clock was ahead: what it had scheduled is due now"
            );
        }
        Ok(moved)
    }
}

fn log_turn(before: Option<ClockDoubt>, now: Option<ClockDoubt>) {
    match (before, now) {
        (None, Some(doubt)) => error!("nothing is sold: {doubt}"),
        (Some(_), None) => info!("the clock is right again"),
        (None, None) | (Some(_), Some(_)) => {}
    }
}
