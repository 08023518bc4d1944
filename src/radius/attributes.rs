//! The rows by which FreeRADIUS 3 accepts a voucher, sold or printed.
//!
//! Per voucher: the password, how long, how many devices, and the speeds as they were sold.
//! What all vouchers of a package share is in its group.

use chrono::{DateTime, Utc};

use crate::domain::access::{Attribute, RadiusUser, VoucherCode};
use crate::domain::catalog::Terms;
use crate::domain::order::Payment;

/// A limit of this many octets or more has two attributes: the whole gigawords, and the octets that
/// remain (as in RFC 2869, section 5.1).
const GIGAWORD: u64 = 1 << 32;

/// The RADIUS user of a sold order's voucher; `None` if it has none.
pub fn radius_user(payment: &Payment) -> Option<RadiusUser> {
    let (voucher, terms) = (payment.voucher.as_ref()?, &payment.terms);
    Some(voucher_user(&voucher.code, terms, voucher.expires_at))
}

/// The RADIUS user of a voucher, sold or printed.
pub fn voucher_user(
    code: &VoucherCode,
    terms: &Terms,
    expires_at: Option<DateTime<Utc>>,
) -> RadiusUser {
    let code = code.as_str();
    let mut checks = vec![
        set("Cleartext-Password", code),
        // Needs `session { sql }` in the server's configuration.
        set("Simultaneous-Use", terms.shared_devices),
    ];
    match expires_at {
        // Digits: FreeRADIUS reads a date as text in its own zone, a number as Unix time.
        Some(at) => checks.push(set("Expiration", at.timestamp())),
        // From the first log-in.
        None => checks.push(set("Expire-After", i64::from(terms.duration_minutes) * 60)),
    }

    let mut replies = speeds(terms, ":=");
    if let Some(limit_mb) = terms.data_limit_mb {
        let octets = u64::try_from(limit_mb).unwrap_or(0) * 1024 * 1024;
        replies.push(set("Mikrotik-Total-Limit", octets % GIGAWORD));
        if octets >= GIGAWORD {
            replies.push(set("Mikrotik-Total-Limit-Gigawords", octets / GIGAWORD));
        }
    }

    RadiusUser {
        username: code.to_owned(),
        checks,
        replies,
        group: terms.code.clone(),
    }
}

/// What the group of a package replies to all its vouchers, unless their own rows say
/// otherwise: a voucher keeps the speeds that it was sold with.
pub fn group_replies(terms: &Terms) -> Vec<Attribute> {
    let mut replies = speeds(terms, "=");
    replies.push(attribute("Acct-Interim-Interval", "=", 300));
    replies.push(attribute("Idle-Timeout", "=", 900));
    replies
}

fn speeds(terms: &Terms, op: &'static str) -> Vec<Attribute> {
    let (up, down) = (terms.upload_kbps, terms.download_kbps);
    vec![
        // From the router's side: what it receives is what the guest uploads.
        attribute("Mikrotik-Rate-Limit", op, format!("{up}k/{down}k")),
        attribute("WISPr-Bandwidth-Max-Up", op, i64::from(up) * 1_000),
        attribute("WISPr-Bandwidth-Max-Down", op, i64::from(down) * 1_000),
    ]
}

fn set(name: &'static str, value: impl ToString) -> Attribute {
    attribute(name, ":=", value)
}

fn attribute(name: &'static str, op: &'static str, value: impl ToString) -> Attribute {
    Attribute {
        name,
        op,
        value: value.to_string(),
    }
}
