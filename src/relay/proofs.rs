//! Tests sold vouchers: asks FreeRADIUS as a router would, and tells the order's timeline.
//!
//! "Paid but not connected" is the loudest complaint of guests; here the shop hears of it
//! first.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::domain::decision::{Level, Remark};
use crate::domain::ids::OrderId;
use crate::domain::secret::Secret;
use crate::domain::voucher::VoucherCode;
use crate::radius::client::{self, Access};
use crate::store::{Store, StoreError};

/// Only vouchers that were just sold: of an older one the guest has told us already.
const FRESH: TimeDelta = TimeDelta::minutes(2);
/// Let in, not let in, and nothing known.
const KINDS: [&str; 3] = ["tested", "not_let_in", "not_tested"];

/// The loop.
#[derive(Clone)]
pub struct Proofs {
    store: Store,
    server: SocketAddr,
    secret: Secret,
    each: Duration,
}

impl Proofs {
    /// Asks `server`, at most `per_min` times a minute, which must be at least one.
    pub fn new(store: Store, server: SocketAddr, secret: Secret, per_min: u32) -> Self {
        Self {
            store,
            server,
            secret,
            each: Duration::from_secs(60) / per_min.max(1),
        }
    }

    /// Goes on until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                sleep(self.each).await;
                if let Err(error) = self.run_once().await {
                    warn!(%error, "proofs: the books cannot be read; trying again");
                }
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    /// Tests the newest voucher that is not tested; says whether there was one.
    ///
    /// # Errors
    /// If the books cannot be read or written.
    pub async fn run_once(&self) -> Result<bool, StoreError> {
        let now = self.store.now().await?;
        let untested = self.store.untested_voucher(now, FRESH, KINDS).await?;
        let Some((order_id, code)) = untested else {
            return Ok(false);
        };
        let remark = self.test(order_id, &code).await?;
        self.store.remark(order_id, remark).await?;
        Ok(true)
    }

    async fn test(&self, order_id: OrderId, code: &VoucherCode) -> Result<Remark, StoreError> {
        let [tested, not_let_in, not_tested] = KINDS;
        let said = client::access(self.server, &self.secret, code.as_str(), code.as_str()).await;
        let (level, kind, text) = match said.map(|answer| answer.access) {
            Ok(Access::Accepted) => (
                Level::Note,
                tested,
                "FreeRADIUS lets this voucher in".to_owned(),
            ),
            // A guest may have been quicker than the test, and then it is one device too many.
            Ok(Access::Rejected(_)) if self.is_used(code).await? => (
                Level::Note,
                tested,
                "a device has logged in with this voucher already".to_owned(),
            ),
            Ok(Access::Rejected(reason)) => {
                error!(%order_id, "FreeRADIUS does not let a sold voucher in");
                let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
                let text = format!("FreeRADIUS does not let this voucher in: {reason}");
                (Level::Alert, not_let_in, text)
            }
            Err(fault) => {
                error!(%order_id, %fault, "a sold voucher could not be tested");
                (Level::Alert, not_tested, fault.to_string())
            }
        };
        Ok(Remark::new(level, kind, text))
    }

    async fn is_used(&self, code: &VoucherCode) -> Result<bool, StoreError> {
        let known = self.store.voucher_usage(code).await?;
        Ok(known.is_some_and(|(_, usage)| usage.first_login_at.is_some()))
    }
}
