//! What an operator does is seen by the next look at the order.

use serde_json::Value;

use super::{code_of, refund, revoke, sold};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_refund_is_seen_by_the_very_next_look,
    a_revoked_voucher_is_shown_to_nobody_who_looks,
}

async fn a_refund_is_seen_by_the_very_next_look(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let before = app.status(&order).await;

    assert_eq!(refund(&app, &order).await.status, 200);

    let after = app.status(&order).await;
    assert_eq!(before["payment_status"], "COMPLETED");
    assert_eq!(after["payment_status"], "REFUNDED");
    assert_eq!(after["voucher_code"], Value::Null);
}

async fn a_revoked_voucher_is_shown_to_nobody_who_looks(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let code = code_of(&app, &order).await;
    let before = app.status(&order).await;

    assert_eq!(revoke(&app, &code).await.status, 200);

    let after = app.status(&order).await;
    assert_eq!(before["voucher_code"], code.as_str());
    assert_eq!(after["voucher_code"], Value::Null);
}
