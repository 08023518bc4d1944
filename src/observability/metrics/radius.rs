//! What is known of FreeRADIUS, for Prometheus and for the console.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use prometheus::{IntCounterVec, IntGauge};

use super::Instruments;
use crate::domain::access::radius_health::{ProofResult, RadiusHealth, RadiusTrouble};

/// The instruments of the proof of access.
pub struct RadiusInstruments {
    proofs: IntCounterVec,
    down: IntGauge,
    /// Sold vouchers that are still refused, by the database.
    pub refused: IntGauge,
    health: Mutex<RadiusHealth>,
}

impl RadiusInstruments {
    #[rustfmt::skip] // A table is read by its columns.
    pub(super) fn new(all: &Instruments) -> Self {
        let proofs = all.counters("malipo_radius_proofs_total", "Sold vouchers that were tried at FreeRADIUS, by result.", "result");
        // Each is there from the start, so that `rate()` sees the first event.
        for result in ProofResult::ALL {
            proofs.with_label_values(&[result.as_str()]);
        }
        Self {
            proofs,
            down: all.gauge("malipo_radius_down", "1 while FreeRADIUS does not answer, or not with a valid Message-Authenticator."),
            refused: all.gauge("malipo_radius_vouchers_refused", "Vouchers of the last day that FreeRADIUS still refuses, refreshed within 15 s."),
            health: Mutex::default(),
        }
    }

    /// Counts a sold voucher that was tried.
    pub fn count(&self, result: ProofResult) {
        self.proofs.with_label_values(&[result.as_str()]).inc();
    }

    /// Learns whether FreeRADIUS answers; what changed is returned.
    pub fn learn(&self, result: ProofResult, now: DateTime<Utc>) -> Option<RadiusTurn> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let was_down = health.trouble().is_some();
        health.learn(result, now);
        let is_down = health.trouble().is_some();
        self.down.set(is_down.into());
        match (was_down, is_down) {
            (false, true) => Some(RadiusTurn::WentDown),
            (true, false) => Some(RadiusTurn::CameBack),
            (false, false) | (true, true) => None,
        }
    }

    /// What is wrong with FreeRADIUS, and since when.
    pub fn trouble(&self) -> Option<(RadiusTrouble, DateTime<Utc>)> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.trouble()
    }
}

/// A change, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RadiusTurn {
    /// It answers no more.
    WentDown,
    /// It answers again.
    CameBack,
}
