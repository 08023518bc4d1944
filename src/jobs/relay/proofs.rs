//! Tries sold vouchers at FreeRADIUS as a router would, and writes the result into the order's
//! timeline. "Paid but not connected" is the loudest complaint of guests; here the shop learns
//! of it first.
//!
//! Each round tries one name: a voucher that was just sold; else one that FreeRADIUS has not let
//! in so far, because an operator may have mended it; else a stranger, to learn whether
//! FreeRADIUS answers while nothing is sold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::seq::IndexedRandom;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::access::radius_health::ProofResult;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::decision::{Level, Remark};
use crate::domain::people::secret::Secret;
use crate::observability::metrics::{Metrics, RadiusTurn};
use crate::radius::client::{self, Access, RadiusError};
use crate::store::{NOT_LET_IN, NOT_TESTED, SoldVoucher, Store, StoreError, TESTED};

/// Only vouchers that were just sold: of an older one the guest has told us already.
const FRESH: TimeDelta = TimeDelta::minutes(2);
/// A name that no voucher can have.
const STRANGER: &str = "malipo-knocks";

/// The loop.
#[derive(Clone)]
pub struct Proofs {
    store: Store,
    server: SocketAddr,
    secret: Secret,
    each: Duration,
    metrics: Arc<Metrics>,
}

/// What came of one try: the result, and the line of the timeline that says so.
struct Try {
    result: ProofResult,
    remark: Remark,
}

impl Proofs {
    /// Asks `server`, at most `per_min` times a minute, which must be at least one.
    pub fn new(
        store: Store,
        server: SocketAddr,
        secret: Secret,
        per_min: u32,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            server,
            secret,
            each: Duration::from_secs(60) / per_min.max(1),
            metrics,
        }
    }

    /// Goes on until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                sleep(self.each).await;
                if let Err(error) = self.run_once().await {
                    warn!(%error, "proofs: the database cannot be read; trying again");
                }
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    /// One round; says whether a sold voucher was tried.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub async fn run_once(&self) -> Result<bool, StoreError> {
        let now = self.store.clock().now();
        let sold = match self.store.untried_voucher(now - FRESH).await? {
            Some(untried) => Some(untried),
            // By chance, so that one that stays refused does not hide the others.
            None => {
                let doubtful = self.store.doubtful_vouchers(now).await?;
                doubtful.choose(&mut rand::rng()).cloned()
            }
        };
        match sold {
            Some(voucher) => self.prove(&voucher).await?,
            None => {
                let said = self.ask(STRANGER).await;
                self.learn(result_of(&said));
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn prove(&self, voucher: &SoldVoucher) -> Result<(), StoreError> {
        let tried = self.try_voucher(voucher).await?;
        // A later try that changes nothing is not told again.
        let is_news = match &voucher.last_try {
            None => true,
            Some(last) => last != tried.remark.kind && tried.remark.kind != NOT_TESTED,
        };
        if is_news {
            self.metrics.radius.count(tried.result);
            self.store.remark(voucher.order_id, tried.remark).await?;
        }
        Ok(())
    }

    async fn try_voucher(&self, voucher: &SoldVoucher) -> Result<Try, StoreError> {
        let order_id = voucher.order_id;
        let said = self.ask(voucher.code.as_str()).await;
        let result = result_of(&said);
        self.learn(result);
        let (result, level, kind, text) = match said {
            Ok(Access::Accepted) => {
                let text = "FreeRADIUS lets this voucher in".to_owned();
                (result, Level::Note, TESTED, text)
            }
            // A guest may have been quicker than the test, and then it is one device too many.
            Ok(Access::Rejected(_)) if self.is_used(&voucher.code).await? => {
                let text = "a device has logged in with this voucher already".to_owned();
                (ProofResult::Accepted, Level::Note, TESTED, text)
            }
            Ok(Access::Rejected(reason)) => {
                let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
                let text = format!("FreeRADIUS does not let this voucher in: {}", reason.trim());
                if voucher.last_try.as_deref() != Some(NOT_LET_IN) {
                    error!(order = %order_id.order_ref(), "FreeRADIUS does not let a sold voucher in");
                }
                (result, Level::Alert, NOT_LET_IN, text)
            }
            Err(fault) => {
                if voucher.last_try.is_none() {
                    error!(order = %order_id.order_ref(), %fault, "a sold voucher could not be tested");
                }
                (result, Level::Alert, NOT_TESTED, fault.to_string())
            }
        };
        let remark = Remark::new(level, kind, text);
        Ok(Try { result, remark })
    }

    async fn ask(&self, name: &str) -> Result<Access, RadiusError> {
        let said = client::access(self.server, &self.secret, name, name).await;
        said.map(|answer| answer.access)
    }

    fn learn(&self, result: ProofResult) {
        let now = self.store.clock().now();
        match self.metrics.radius.learn(result, now) {
            None => {}
            Some(RadiusTurn::WentDown) => error!(
                server = %self.server,
                result = result.as_str(),
                "FreeRADIUS does not answer as it should; no guest can log in"
            ),
            Some(RadiusTurn::CameBack) => info!("FreeRADIUS answers again"),
        }
    }

    async fn is_used(&self, code: &VoucherCode) -> Result<bool, StoreError> {
        let known = self.store.voucher_usage(code).await?;
        Ok(known.is_some_and(|(_, usage)| usage.first_login_at.is_some()))
    }
}

fn result_of(said: &Result<Access, RadiusError>) -> ProofResult {
    match said {
        Ok(Access::Accepted) => ProofResult::Accepted,
        Ok(Access::Rejected(_)) => ProofResult::Refused,
        Err(RadiusError::NotAuthentic(_) | RadiusError::Unsealed(_)) => ProofResult::Unsealed,
        Err(RadiusError::Silent(_) | RadiusError::Closed(_) | RadiusError::Unreachable(..)) => {
            ProofResult::NoAnswer
        }
    }
}
