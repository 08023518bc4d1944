//! The voucher in the timeline: sold, reissued, revoked, or paid for twice.

use std::fmt::Display;

use chrono::{DateTime, TimeZone, Utc};

use super::Narrator;
use crate::domain::catalog::Validity;
use crate::domain::order::Payment;

impl Narrator<'_> {
    /// The sale, its RADIUS user, and its revocation.
    pub(super) fn sale(&mut self, clock: &impl TimeZone<Offset: Display>) {
        let payment = &self.history.payment;
        if let Some(at) = self.history.payment.gateway_confirmed_at {
            self.line(at, "confirmed", "ZenoPay confirms the payment itself");
        }
        let Some(voucher) = &payment.voucher else {
            return;
        };
        let code = self.mask.visibility.code(voucher.code.as_str());
        let first = match self.history.former_codes.first() {
            Some(former) => self.mask.visibility.code(&former.code),
            None => code.clone(),
        };
        let until = match (payment.terms.validity, voucher.expires_at) {
            (Validity::Purchase, Some(at)) => format!("until {}", minute(at, clock)),
            (Validity::Purchase | Validity::FirstLogin, _) => "from its first login".to_owned(),
        };
        let invoice = self.history.invoice.as_deref().unwrap_or("none");
        let sold_at = payment.processed_at.unwrap_or(voucher.issued_at);
        let paid = paid(payment);
        let sold = format!("sold: voucher {first}, {until}; invoice {invoice}{paid}");
        self.line(sold_at, "commit", sold);
        self.former_codes();
        let (rows, group) = (self.history.radius, &payment.terms.code);
        if voucher.revoked_at.is_none() && rows == 0 {
            let summary = format!("RADIUS user {code} is missing: the voucher cannot log in");
            self.line(voucher.issued_at, "alert", summary);
        } else {
            let summary = format!("RADIUS user {code} is written, group {group}");
            self.line(voucher.issued_at, "radius", summary);
        }
        if let Some(at) = voucher.revoked_at {
            let reason = self.history.revoked_reason.as_deref();
            let why = self.mask.text(reason.unwrap_or("no reason"));
            let (kind, left) = match rows {
                0 => ("revoked", "its RADIUS user is gone".to_owned()),
                rows => ("alert", format!("but {rows} RADIUS rows still let it in")),
            };
            let summary = format!("voucher {code} is revoked ({why}); {left}");
            self.line(at, kind, summary);
        }
    }

    fn former_codes(&mut self) {
        for former in &self.history.former_codes {
            let old = self.mask.visibility.code(&former.code);
            let summary = format!("RADIUS user {old} is written; it was replaced later");
            self.line(former.issued_at, "radius", summary);
        }
    }

    /// That it was paid for twice.
    pub(super) fn duplicate_orders(&mut self) {
        for twin in &self.history.duplicate_orders {
            let summary = format!(
                "order {} was paid for the same purchase: pay one of the two back",
                twin.order_id.order_ref()
            );
            self.line(twin.at, "alert", summary);
        }
    }
}

/// With the zone's name, because the line itself has a time in UTC.
fn minute(at: DateTime<Utc>, clock: &impl TimeZone<Offset: Display>) -> String {
    at.with_timezone(clock)
        .format("%-d %b %Y, %H:%M %Z")
        .to_string()
}

/// The amount paid and the price, if they differ; else empty.
fn paid(payment: &Payment) -> String {
    let (paid, price) = (payment.amount_received(), payment.amount);
    if paid == price {
        return String::new();
    }
    format!(" for {paid} TZS (price: {price} TZS)")
}
