//! Tests sold vouchers at FreeRADIUS as a router would, and writes the result into the order's
//! timeline, so that the shop learns of "paid but not connected" before the guest complains.
//!
//! Each round tries one name: a voucher that was just sold; else one that FreeRADIUS has refused so
//! far, because an operator may have repaired it; else a name that no voucher has, to learn whether
//! FreeRADIUS answers while nothing is sold.
//!
//! A voucher is tried as guests type it, by turns with PAP and with CHAP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use rand::seq::IndexedRandom;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::domain::access::{ONLY_AS_PRINTED, VoucherCode, VoucherTestResult};
use crate::domain::order::{Level, Remark};
use crate::domain::people::Secret;
use crate::jobs::every;
use crate::observability::metrics::{Metrics, RadiusTurn};
use crate::radius::client::{self, Access, RadiusError};
use crate::radius::packet::Method;
use crate::store::{NOT_TESTED, REJECTED, REJECTION, SoldVoucher, Store, StoreError, TESTED};

/// Only vouchers sold within this time: guests with older ones have complained already.
const FRESH: TimeDelta = TimeDelta::minutes(2);
/// A name that no voucher can have.
const STRANGER: &str = "malipo-knocks";

/// What helps if only the printed spelling is accepted.
const CONFIGURATION: &str = "put this version's deploy/freeradius/*.conf in place";

/// An answer, and how it counts.
type Tried = (Result<Access, RadiusError>, VoucherTestResult);

/// The loop.
#[derive(Clone)]
pub struct VoucherTests {
    /// The database.
    pub store: Store,
    /// Where FreeRADIUS answers.
    pub server: SocketAddr,
    /// What this machine shares with it.
    pub secret: Secret,
    /// The pause between two tests.
    pub interval: Duration,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Vouchers that were tried, for the turns.
    pub tests: Arc<AtomicU32>,
}

impl VoucherTests {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = every(self.interval, stop.clone(), "proofs", || self.run_once());
        stop.run_until_cancelled(rounds).await;
    }

    /// One round; returns whether a sold voucher was tried.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub async fn run_once(&self) -> Result<bool, StoreError> {
        let now = self.store.clock().now();
        let sold = match self.store.untested_voucher(now - FRESH).await? {
            Some(untried) => Some(untried),
            // At random, so that one that stays refused does not hide the others.
            None => {
                let doubtful = self.store.doubtful_vouchers(now).await?;
                doubtful.choose(&mut rand::rng()).cloned()
            }
        };
        match &sold {
            Some(voucher) => self.prove(voucher).await?,
            None => drop(self.log_in((STRANGER, STRANGER, Method::Pap)).await),
        }
        Ok(sold.is_some())
    }

    async fn prove(&self, voucher: &SoldVoucher) -> Result<(), StoreError> {
        let order_id = voucher.order_id;
        let (answer, result) = self.log_in_as_typed(&voucher.code).await;
        let (result, level, kind, text) = match answer {
            Ok(Access::Accepted) => {
                let text = "FreeRADIUS lets this voucher in".to_owned();
                (result, Level::Note, TESTED, text)
            }
            // The guest may have logged in first; the test is then one device too many.
            Ok(Access::Rejected(_)) if self.is_used(&voucher.code).await? => {
                let text = "a device has logged in with this voucher already".to_owned();
                (VoucherTestResult::Accepted, Level::Note, TESTED, text)
            }
            Ok(Access::Rejected(reason)) => {
                let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
                let text = format!("{REJECTION}{}", reason.trim());
                if voucher.last_test.as_deref() != Some(REJECTED) {
                    error!(order = %order_id.order_ref(), "FreeRADIUS does not let a sold voucher in");
                }
                (result, Level::Alert, REJECTED, text)
            }
            Err(fault) => {
                if voucher.last_test.is_none() {
                    error!(order = %order_id.order_ref(), %fault, "a sold voucher could not be tested");
                }
                (result, Level::Alert, NOT_TESTED, fault.to_string())
            }
        };
        // A later try that changes nothing is not recorded again.
        let is_new = match &voucher.last_test {
            None => true,
            Some(last) => last != kind && kind != NOT_TESTED,
        };
        if is_new {
            self.metrics.radius.count(result);
            let remark = Remark::new(level, kind, text);
            self.store.remark(order_id, remark).await?;
        }
        Ok(())
    }

    /// Tries a code as guests type it. If that is rejected and the code as printed is not, the reason
    /// says so.
    async fn log_in_as_typed(&self, code: &VoucherCode) -> Tried {
        let method = match self.tests.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Method::Pap,
            _ => Method::Chap,
        };
        let typed = code.as_guests_type_it();
        let tried = self.log_in((&typed, &typed, method)).await;
        if !matches!(tried.0, Ok(Access::Rejected(_))) {
            return tried;
        }
        let printed = self.log_in((code.as_str(), code.as_str(), method)).await;
        match printed.0 {
            Ok(Access::Accepted) => {
                let reason = format!("{ONLY_AS_PRINTED}; {CONFIGURATION}");
                let rejected = Access::Rejected(Some(reason));
                (Ok(rejected), VoucherTestResult::Refused)
            }
            Ok(Access::Rejected(_)) | Err(_) => printed,
        }
    }

    /// Tries a log-in, and records whether FreeRADIUS answers.
    async fn log_in(&self, login: (&str, &str, Method)) -> Tried {
        let answer = client::log_in(self.server, &self.secret, login).await;
        let access = answer.map(|answer| answer.access);
        let result = result_of(&access);
        match self.metrics.radius.learn(result, self.store.clock().now()) {
            None => {}
            Some(RadiusTurn::WentDown) => error!(
                server = %self.server,
                result = result.into_str(),
                "FreeRADIUS does not answer as it should; no guest can log in"
            ),
            Some(RadiusTurn::CameBack) => info!("FreeRADIUS answers again"),
        }
        (access, result)
    }

    async fn is_used(&self, code: &VoucherCode) -> Result<bool, StoreError> {
        let known = self.store.voucher_usage(code).await?;
        Ok(known.is_some_and(|(_, usage)| usage.first_login_at.is_some()))
    }
}

fn result_of(answer: &Result<Access, RadiusError>) -> VoucherTestResult {
    match answer {
        Ok(Access::Accepted) => VoucherTestResult::Accepted,
        Ok(Access::Rejected(_)) => VoucherTestResult::Refused,
        Err(RadiusError::NotAuthentic(_) | RadiusError::Unsealed(_)) => VoucherTestResult::Unsealed,
        Err(RadiusError::Silent(_) | RadiusError::Closed(_) | RadiusError::Unreachable(..)) => {
            VoucherTestResult::NoAnswer
        }
    }
}
