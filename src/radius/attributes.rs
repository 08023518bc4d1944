//! A sale as the rows by which FreeRADIUS 3 lets the guest in.
//!
//! Per voucher: the password, how long, how many devices, and the speeds as they were sold.
//! What all vouchers of a package share stands in its group.

use crate::domain::package::Validity;
use crate::domain::radius_user::{Attribute, RadiusUser};
use crate::domain::sale::Sale;

/// Beyond this many octets MikroTik wants the rest in gigawords (RFC 2869, section 5.1).
const GIGAWORD: u64 = 1 << 32;

/// The RADIUS user of a sale; `None` for a sale without a voucher, which cannot be.
pub fn radius_user(sale: &Sale) -> Option<RadiusUser> {
    let voucher = sale.payment.voucher.as_ref()?;
    let code = voucher.code.as_str();
    let terms = &sale.payment.terms;

    let mut checks = vec![
        set("Cleartext-Password", code),
        // Needs `session { sql }` in the server's configuration.
        set("Simultaneous-Use", terms.shared_devices),
    ];
    match (terms.validity, voucher.expires_at) {
        // Digits: FreeRADIUS reads a date as text in its own zone, a number as Unix time.
        (Validity::Purchase, Some(at)) => checks.push(set("Expiration", at.timestamp())),
        (Validity::Purchase | Validity::FirstLogin, _) => {
            checks.push(set("Expire-After", i64::from(terms.duration_minutes) * 60));
        }
    }

    let (up, down) = (terms.upload_kbps, terms.download_kbps);
    let mut replies = vec![
        // From the router's side: what it receives is what the guest uploads.
        set("Mikrotik-Rate-Limit", format!("{up}k/{down}k")),
        set("WISPr-Bandwidth-Max-Up", i64::from(up) * 1_000),
        set("WISPr-Bandwidth-Max-Down", i64::from(down) * 1_000),
    ];
    if let Some(limit_mb) = terms.data_limit_mb {
        let octets = u64::try_from(limit_mb).unwrap_or(0) * 1024 * 1024;
        replies.push(set("Mikrotik-Total-Limit", octets % GIGAWORD));
        if octets >= GIGAWORD {
            replies.push(set("Mikrotik-Total-Limit-Gigawords", octets / GIGAWORD));
        }
    }

    Some(RadiusUser {
        username: code.to_owned(),
        checks,
        replies,
        group: terms.code.clone(),
    })
}

fn set(name: &'static str, value: impl ToString) -> Attribute {
    Attribute {
        name,
        op: ":=",
        value: value.to_string(),
    }
}
