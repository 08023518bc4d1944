//! A history with every kind of row, and builders for its rows.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::catalog::Tzs;
use crate::domain::history::*;
use crate::domain::order::Status;
use crate::domain::order::decide_table::order;
use crate::domain::people::Personal;

pub(super) fn at(millis: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
}

pub(super) const MINUTE: i64 = 60_000;

/// Held, released by an operator, used, refunded: every kind of row once.
pub(super) fn full() -> OrderHistory {
    let mut payment = order(Status::Refunded);
    payment.gateway.payer_msisdn = Some(Personal::new("255744000001"));
    payment.confirmed_at = Some(at(2_000));
    payment.processed_at = Some(at(4_000));
    payment.gateway_confirmed_at = Some(at(70_000));
    let voucher = payment.voucher.as_mut().unwrap();
    voucher.issued_at = at(4_000);
    voucher.expires_at = Some(at(24 * 60 * MINUTE));
    voucher.revoked_at = Some(at(90 * MINUTE));
    let remark = |at_millis, is_alert, summary: &str| TimelineRemark {
        at: at(at_millis),
        is_alert,
        summary: summary.to_owned(),
    };
    OrderHistory {
        payment,
        invoice: Some("INV-1".to_owned()),
        revoked_reason: Some("refunded".to_owned()),
        former_codes: Vec::new(),
        duplicate_orders: Vec::new(),
        radius: 0,
        calls: vec![
            call(true, 10, "accepted", None, Some(200)),
            call(
                false,
                69_990,
                "COMPLETED",
                Some("paid by 255744000001"),
                None,
            ),
        ],
        deliveries: vec![
            heard(
                3,
                2_000,
                Some("COMPLETED"),
                Some(Tzs(1_500)),
                Some("key"),
                "held",
            ),
            heard(4, 5_000, None, None, None, "malformed"),
        ],
        texts: vec![text(Some(at(4_500)), None)],
        disconnects: vec![disconnect(Some(at(90 * MINUTE + 40)))],
        sessions: vec![session()],
        remarks: vec![
            remark(2_001, true, "paid 500 TZS less than the price"),
            remark(
                4_001,
                false,
                "released: 0712345678 paid 1500 TZS for AAAAAAAA",
            ),
        ],
        acts: vec![OperatorAction {
            at: at(4_000),
            operator: "asha".to_owned(),
            action: "release".to_owned(),
            subject: "order".to_owned(),
            detail: Some("0712345678 showed AAAAAAAA".to_owned()),
        }],
        is_cut: false,
    }
}

pub(super) fn call(
    is_push: bool,
    millis: i64,
    answer: &str,
    detail: Option<&str>,
    http_status: Option<i32>,
) -> Call {
    Call {
        is_push,
        at: at(millis),
        duration_ms: 43.21,
        http_status,
        answer: answer.to_owned(),
        detail: detail.map(str::to_owned),
    }
}

pub(super) fn heard(
    id: i64,
    millis: i64,
    word: Option<&str>,
    amount: Option<Tzs>,
    proof: Option<&str>,
    outcome: &str,
) -> JournalledWebhook {
    JournalledWebhook {
        id,
        received_at: at(millis),
        source: Some(if id == 3 { "webhook" } else { "replay" }.to_owned()),
        word: word.map(str::to_owned),
        amount,
        proof: proof.map(str::to_owned),
        outcome: outcome.to_owned(),
        processing_ms: 1.25,
    }
}

pub(super) fn text(sent_at: Option<DateTime<Utc>>, last_error: Option<&str>) -> SmsRecord {
    SmsRecord {
        id: 7,
        kind: "voucher".to_owned(),
        phone: "255712345678".to_owned(),
        state: if sent_at.is_some() { "sent" } else { "failed" }.to_owned(),
        attempts: 2,
        provider: Some("beem".to_owned()),
        last_error: last_error.map(str::to_owned),
        created_at: at(4_000),
        sent_at,
        receipt: sent_at.map(|sent| Receipt {
            at: sent + TimeDelta::milliseconds(100),
            is_delivered: true,
            detail: Some("DELIVRD to 0712345678".to_owned()),
        }),
    }
}

pub(super) fn session() -> Session {
    Session {
        device: "AA-BB".to_owned(),
        router: "10.0.0.1".to_owned(),
        started_at: Some(at(10 * MINUTE)),
        stopped_at: Some(at(70 * MINUTE)),
        secs: 3_600,
        down_bytes: 250_000_000,
        up_bytes: 1_540_000,
        cause: "User-Request".to_owned(),
    }
}

pub(super) fn disconnect(sent_at: Option<DateTime<Utc>>) -> Disconnect {
    Disconnect {
        router: "10.0.0.1".to_owned(),
        reason: "refunded".to_owned(),
        state: if sent_at.is_some() { "sent" } else { "dead" }.to_owned(),
        attempts: 5,
        result: sent_at.map(|_| "acknowledged".to_owned()),
        last_error: sent_at.is_none().then(|| "no answer".to_owned()),
        created_at: at(90 * MINUTE),
        sent_at,
    }
}
