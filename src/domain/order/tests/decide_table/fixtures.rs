//! An order in each status, what ZenoPay says of it, and the facts of the moment.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use crate::domain::access::{OwnerToken, Voucher, VoucherCode};
use crate::domain::catalog::{Terms, Tzs, Validity};
use crate::domain::order::{
    Facts, GatewayFacts, GatewayReport, OrderId, Payment, ReportedAmount, ReportedStatus, Status,
};
use crate::domain::people::{Language, Phone, Secret};

pub(super) fn report(word: &str, reference: &str, amount: Option<i64>) -> GatewayReport {
    GatewayReport {
        word: ReportedStatus::read(word),
        raw_word: word.into(),
        amount: amount.map_or(ReportedAmount::Absent, |it| ReportedAmount::Whole(Tzs(it))),
        currency: None,
        reference: Some(reference.into()),
        transid: None,
        channel: None,
        payer_msisdn: None,
    }
}

/// An order of 2000 TZS; where money has moved, ZenoPay called it `R1`.
pub(in crate::domain) fn order(status: Status) -> Payment {
    let is_sold = matches!(status, Status::Completed | Status::Refunded);
    let is_paid = is_sold || status == Status::Held;
    let created_at = DateTime::UNIX_EPOCH;
    Payment {
        id: 17,
        order_id: "677e4327-4d7c-4b1e-9f00-0123456789ab"
            .parse::<OrderId>()
            .unwrap(),
        status,
        version: 1,
        phone: Phone::read("0712345678").unwrap(),
        customer_name: None,
        device: None,
        language: Language::Swahili,
        package_id: 1,
        terms: Terms {
            code: "daily".into(),
            name_sw: "Siku".into(),
            name_en: "Day".into(),
            duration_minutes: 1440,
            validity: Validity::Purchase,
            data_limit_mb: None,
            download_kbps: 5120,
            upload_kbps: 2048,
            shared_devices: 1,
        },
        amount: Tzs(2000),
        webhook_secret: Secret::new("s"),
        owner_token: Some(OwnerToken::from_random_bytes([7; 16])),
        gateway: GatewayFacts {
            reference: is_paid.then(|| "R1".into()),
            ..GatewayFacts::default()
        },
        failure_reason: None,
        gateway_word: None,
        operator_reason: None,
        created_at,
        deadline_at: created_at + TimeDelta::minutes(5),
        due_at: Some(created_at),
        confirmed_at: is_paid.then_some(created_at),
        processed_at: is_sold.then_some(created_at),
        gateway_confirmed_at: None,
        refunded_at: None,
        reissued_at: None,
        voucher: is_sold.then(|| Voucher {
            code: VoucherCode::from_stored("AAAAAAAA".into()),
            issued_at: created_at,
            expires_at: None,
            revoked_at: None,
        }),
    }
}

/// Ten minutes after the order was made.
pub(in crate::domain) fn facts() -> Facts {
    Facts {
        now: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(10),
        fresh_code: VoucherCode::from_stored("K7QMX2PA".into()),
        shop_offset: FixedOffset::east_opt(3 * 3600).unwrap(),
        brand: "malipo".into(),
        link_base: "http://127.0.0.1/v/".into(),
    }
}
